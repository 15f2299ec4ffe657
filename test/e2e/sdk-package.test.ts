import { execFile, spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { emptyProject, installWithoutNpm, packSdk, type SdkApps, startSdkApps } from '../support/sdk-project.js'
import { ROOT } from '../support/source.js'

const run = promisify(execFile)
const FRAMEWORKS = ['express', 'fastify', 'hono', '@hono/node-server']
const TYPES = ['@types/node', '@types/express', '@types/express-serve-static-core', 'undici-types']

const { folder, remove } = emptyProject()
const installed = join(folder, 'node_modules/@bulla/resource-server')
let tarball: string
let manifest: { version: string; bin: Record<string, string>; scripts?: unknown; exports: Record<string, unknown> }

beforeAll(async () => {
  tarball = await packSdk(join(folder, 'packed'))
  await installWithoutNpm(folder, tarball, ['jose', ...FRAMEWORKS, ...TYPES])
  manifest = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'))
})
afterAll(remove)

const filesBelow = (path: string) =>
  readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(path.length + 1))

describe('the tarball', () => {
  it('holds the SDK, what it shares with the server to read tokens, and nothing else', () => {
    const files = filesBelow(installed)
    expect(files.filter((file) => !file.startsWith('dist/')).sort()).toEqual(['LICENSE', 'README.md', 'package.json'])
    const modules = files
      .filter((file) => file.startsWith('dist/') && file.endsWith('.js'))
      .map((file) => file.slice(5, -3))
    expect(files.filter((file) => file.startsWith('dist/')).sort()).toEqual(
      modules.flatMap((name) => [`dist/${name}.d.ts`, `dist/${name}.js`]).sort(),
    )
    const own = filesBelow(join(ROOT, 'src/resource-server'))
      .filter((file) => file.endsWith('.ts'))
      .map((file) => `resource-server/${file.slice(0, -3)}`)
    expect(modules.filter((name) => name.startsWith('resource-server/')).sort()).toEqual(own.sort())
    // What makes tokens, and what keeps secrets, is the server's alone.
    const servers =
      /^(?!(?:resource-server|wire|crypto)\/)|^wire\/(?:seal|nested-jwt|content-key|open-own|wrapped-key)$|^crypto\/(?:argon2|password|envelope|uuid|key-agreement)/
    expect(modules.filter((name) => servers.test(name))).toEqual([])
  })

  it('is of the version of the server, and runs nothing when it is installed', () => {
    const root = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
    expect(manifest).toMatchObject({
      version: root.version,
      license: root.license,
      engines: root.engines,
      type: 'module',
    })
    expect(manifest).toMatchObject({ dependencies: { jose: root.dependencies.jose } })
    expect(manifest.scripts).toBeUndefined()
    expect(tarball).toBe(join(folder, `packed/bulla-resource-server-${root.version}.tgz`))
  })

  it('is the same when it is packed again', async () => {
    const again = await packSdk(join(folder, 'packed/again'))
    expect(readFileSync(again).equals(readFileSync(tarball))).toBe(true)
  })
})

describe('pack-sdk', () => {
  const pack = (...args: string[]) =>
    spawnSync(process.execPath, ['scripts/pack-sdk.mjs', ...args], { cwd: ROOT, encoding: 'utf8' })

  it('says where it needs to be told, and where it can’t write', () => {
    expect(pack()).toMatchObject({ status: 1, stdout: '', stderr: expect.stringMatching(/npm run -s pack:sdk -- DIR/) })
    const file = join(folder, 'package.json')
    expect(pack(file)).toMatchObject({
      status: 1,
      stdout: '',
      stderr: expect.stringMatching(/can't be written to \(EEXIST\)/),
    })
  })
})

describe('in a project of its own', () => {
  it('makes keys and looks into tokens', async () => {
    const cli = join(installed, Object.values(manifest.bin)[0] ?? '')
    const { stdout } = await run(process.execPath, [cli, 'keygen', '--out', 'key.json'], { cwd: folder })
    expect(JSON.parse(stdout).keys[0]).toMatchObject({ kty: 'OKP', crv: 'X25519', use: 'enc', alg: 'ECDH-ES' })
    expect(statSync(join(folder, 'key.json')).mode & 0o777).toBe(0o600)
    expect(statSync(cli).mode & 0o111).toBe(0o111)
    const inspected = spawnSync(process.execPath, [cli, 'inspect', '--key', 'key.json'], {
      cwd: folder,
      input: 'no token',
      encoding: 'utf8',
    })
    expect(inspected).toMatchObject({ status: 1, stderr: '', stdout: expect.stringContaining('This is no token') })
    expect(spawnSync(process.execPath, [cli, 'turn'], { encoding: 'utf8' }).status).toBe(2)
    // A token that is still on its way.
    const slow = `(sleep 0.5; echo late) | '${process.execPath}' '${cli}' inspect`
    expect(spawnSync('sh', ['-c', slow], { encoding: 'utf8' })).toMatchObject({ status: 1, stderr: '' })
  })

  it('is imported by each of its names, and by no other', async () => {
    const names = Object.keys(manifest.exports).map((name) => `@bulla/resource-server${name.slice(1)}`)
    const code = names
      .filter((name) => !name.endsWith('.json'))
      .map((name) => `console.log(Object.keys(await import('${name}')).sort().join(' '))`)
      .join('\n')
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', code], { cwd: folder })
    expect(stdout.trim().split('\n')).toEqual([
      'VerifyError createVerifier',
      'claimsOf requireToken wellKnown',
      'claimsOf requireToken wellKnown',
      'protect wellKnown',
    ])
    const inner = "await import('@bulla/resource-server/dist/crypto/jwk.js')"
    await expect(run(process.execPath, ['--input-type=module', '-e', inner], { cwd: folder })).rejects.toThrow(
      /ERR_PACKAGE_PATH_NOT_EXPORTED/,
    )
  })

  describe('with every framework', () => {
    let apps: SdkApps
    beforeAll(async () => {
      const { stdout } = await run(
        process.execPath,
        [join(installed, 'dist/resource-server/cli.js'), 'keygen', '--out', 'apps.json'],
        { cwd: folder },
      )
      expect(JSON.parse(stdout).keys).toHaveLength(1)
      const decryptionKeys = [JSON.parse(readFileSync(join(folder, 'apps.json'), 'utf8'))]
      apps = await startSdkApps(folder, {
        issuer: 'http://127.0.0.1:9',
        audience: 'https://orders.example',
        decryptionKeys,
      })
    })
    afterAll(() => apps?.stop())

    it.each(['express', 'fastify', 'hono', 'bare'] as const)(
      '%s starts without its issuer, and lets nobody in',
      async (name) => {
        const url = `http://127.0.0.1:${apps.ports[name]}`
        const answer = await fetch(`${url}/orders`)
        expect(answer.status).toBe(401)
        expect(answer.headers.get('www-authenticate')).toMatch(
          /^Bearer .*resource_metadata="https:\/\/orders\.example\/\.well-known\//,
        )
        const metadata = await fetch(`${url}/.well-known/oauth-protected-resource`)
        expect(await metadata.json()).toMatchObject({ resource: 'https://orders.example' })
      },
    )
  })
})

describe('a user’s TypeScript, strict, the declarations checked as well', () => {
  type Kind = { readonly lib: readonly string[]; readonly types: readonly string[] }
  /** What the compiler complains of. */
  async function compile(name: string, code: string, kind: Kind): Promise<string> {
    const compilerOptions = {
      strict: true,
      exactOptionalPropertyTypes: true,
      noUncheckedIndexedAccess: true,
      skipLibCheck: false,
      noEmit: true,
      target: 'ES2023',
      module: 'NodeNext',
      ...kind,
    }
    const project = `tsconfig.${name}.json`
    writeFileSync(join(folder, `${name}.ts`), code)
    writeFileSync(join(folder, project), JSON.stringify({ compilerOptions, files: [`${name}.ts`] }))
    const tsc = join(ROOT, 'node_modules/typescript/lib/tsc.js')
    const compiled = run(process.execPath, [tsc, '-p', project], { cwd: folder })
    return compiled.then(
      ({ stdout }) => stdout,
      (error: { stdout?: string }) => error.stdout || String(error),
    )
  }
  const NODE = { lib: ['ES2023'], types: ['node'] }
  const BROWSER = { lib: ['ES2023', 'DOM', 'DOM.Iterable'], types: [] }
  const source = (file: string) => readFileSync(join(ROOT, `test/support/${file}`), 'utf8')

  it('compiles, and what is wrong does not', { timeout: 240_000 }, async () => {
    expect(await compile('calls', source('sdk-calls.ts.txt'), NODE)).toBe('')
  })

  it('compiles without the types of Node', { timeout: 240_000 }, async () => {
    expect(await compile('elsewhere', source('sdk-calls.ts.txt'), BROWSER)).toBe('')
  })

  it('compiles with each framework', { timeout: 240_000 }, async () => {
    expect(await compile('frameworks', source('sdk-frameworks.ts.txt'), NODE)).toBe('')
  })
})
