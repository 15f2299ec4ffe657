import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { PrismaPg } from '@prisma/adapter-pg'
import { bindMigrationAwareSqlAdapterFactory } from '@prisma/driver-adapter-utils'

type Diff = { exitCode: number; stdout: string | null }
type Engine = { diff(input: object): Promise<Diff> }
type Glue = {
  SchemaEngine: { new: (options: object, log: () => void, adapter: object) => Promise<Engine> }
  __wbg_set_wasm(exports: object): void
}
// The part of WebAssembly's types that comes with browsers alone.
type Wasm = {
  Module: new (bytes: Uint8Array) => object
  Instance: new (module: object, imports: object) => { exports: Record<string, unknown> }
}

/**
 * The SQL that Prisma would make of a schema from nothing. It runs Prisma's schema engine as WebAssembly: the native one would
 * have to be downloaded. `connection`: any Postgres that answers; nothing is read from it.
 */
export async function prismaSchemaSql(path: string, connection: object): Promise<string> {
  const folder = dirname(createRequire(import.meta.url).resolve('@prisma/schema-engine-wasm'))
  const glue: Glue = await import(pathToFileURL(join(folder, 'schema_engine_bg.js')).href)
  Object.assign(globalThis, {
    PRISMA_WASM_PANIC_REGISTRY: {
      set_message: (message: string) => {
        throw new Error(message)
      },
    },
  })
  const { Module, Instance } = (globalThis as unknown as { WebAssembly: Wasm }).WebAssembly
  const wasm = new Module(readFileSync(join(folder, 'schema_engine_bg.wasm')))
  const { exports } = new Instance(wasm, { './schema_engine_bg.js': glue })
  glue.__wbg_set_wasm(exports)
  const start = exports['__wbindgen_start']
  if (typeof start === 'function') start()

  const content = readFileSync(path, 'utf8')
  const adapter = bindMigrationAwareSqlAdapterFactory(new PrismaPg(connection))
  const engine = await glue.SchemaEngine.new({ datamodels: [[path, content]] }, () => {}, adapter)
  const { stdout } = await engine.diff({
    from: { tag: 'empty' },
    to: { tag: 'schemaDatamodel', files: [{ path, content }] },
    script: true,
    exitCode: true,
    shadowDatabaseUrl: null,
    filters: { externalTables: [], externalEnums: [] },
  })
  if (!stdout) throw new Error(`Prisma makes nothing of ${path}.`)
  return stdout
}
