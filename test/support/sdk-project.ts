import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import { ROOT } from './source.js'

const run = promisify(execFile)

/** Packs the SDK into a folder; answers with where its tarball is. */
export async function packSdk(folder: string): Promise<string> {
  const { stdout } = await run(process.execPath, [join(ROOT, 'scripts/pack-sdk.mjs'), folder], { cwd: ROOT })
  return stdout.trim()
}

/** An empty project of a user. */
export function emptyProject(): { readonly folder: string; readonly remove: () => void } {
  const folder = mkdtempSync(join(tmpdir(), 'bulla-sdk-'))
  writeFileSync(join(folder, 'package.json'), '{ "name": "orders", "private": true, "type": "module" }\n')
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) }
}

/** Unpacks the tarball where `npm install` would put it, beside packages of this repository. */
export async function installWithoutNpm(folder: string, tarball: string, packages: readonly string[]): Promise<void> {
  const installed = join(folder, 'node_modules/@bulla/resource-server')
  mkdirSync(installed, { recursive: true })
  await run('tar', ['-xzf', tarball, '-C', installed, '--strip-components=1'])
  for (const name of packages) {
    const link = join(folder, 'node_modules', name)
    mkdirSync(dirname(link), { recursive: true })
    symlinkSync(join(ROOT, 'node_modules', name), link)
  }
}

export type SdkApps = {
  readonly ports: Readonly<Record<'express' | 'fastify' | 'hono' | 'bare', number>>
  readonly process: ChildProcess
  /** What the verifier has logged, and whatever else was said. */
  readonly stderr: () => string
  stop(): Promise<void>
}

/** Starts the API of `sdk-apps.mjs` in a project that has what it needs; throws with what it said when it ends before. */
export async function startSdkApps(
  folder: string,
  options: object,
  [command, ...args]: readonly [string, ...string[]] = [process.execPath],
): Promise<SdkApps> {
  copyFileSync(join(ROOT, 'test/support/sdk-apps.mjs'), join(folder, 'sdk-apps.mjs'))
  const child = spawn(command, [...args, 'sdk-apps.mjs', JSON.stringify(options)], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  const closed = once(child, 'close')
  const first = once(createInterface({ input: child.stdout }), 'line').then(([line]) => line as string)
  const line = await Promise.race([first, closed.then(() => undefined)])
  if (line === undefined) throw new Error(`The apps ended before they listened:\n${stderr}`)
  return {
    ports: (JSON.parse(line) as Pick<SdkApps, 'ports'>).ports,
    process: child,
    stderr: () => stderr,
    async stop() {
      child.kill('SIGKILL')
      await closed
    },
  }
}
