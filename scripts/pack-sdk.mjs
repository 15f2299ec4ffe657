// Packs the resource-server SDK: `npm run -s pack:sdk -- DIR` puts its tarball into DIR and prints where it is.
// Plain JavaScript, because what it compiles is nothing of the server's.
import { spawnSync } from 'node:child_process'
import { accessSync, chmodSync, constants, copyFileSync, mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const source = join(root, 'src/resource-server')

function fail(message) {
  process.stderr.write(`${message}\n`)
  process.exit(1)
}

/** Runs a program to its end and answers with what it printed; ends this one, with what it said, when it fails. */
function run([command, ...args], { cwd, what }) {
  const done = spawnSync(command, args, { cwd, encoding: 'utf8' })
  if (done.status === 0) return done.stdout
  return fail(`${done.stdout ?? ''}${done.stderr ?? ''}${done.error ?? ''}\n${what} failed.`)
}

/** The folder that was named, made if it is not there. */
function destination(named) {
  if (named === undefined) fail('Say where the package goes: npm run -s pack:sdk -- DIR')
  // npm runs this in the root, wherever it was called.
  const folder = resolve(process.env.INIT_CWD ?? process.cwd(), named)
  try {
    mkdirSync(folder, { recursive: true })
    if (!statSync(folder).isDirectory()) fail(`${folder} is no folder.`)
    accessSync(folder, constants.W_OK)
  } catch (error) {
    fail(`${folder} can't be written to (${error.code}): name another folder.`)
  }
  return folder
}

function compiler() {
  try {
    return createRequire(import.meta.url).resolve('typescript/lib/tsc.js')
  } catch {
    return fail('There is no compiler: run `npm ci` first.')
  }
}

/** npm itself, as this was started by it or as it is found. */
function npm() {
  const { npm_execpath: path } = process.env
  return path === undefined ? ['npm'] : [process.execPath, path]
}

const folder = destination(process.argv[2])
const stage = mkdtempSync(join(tmpdir(), 'bulla-pack-'))
process.on('exit', () => rmSync(stage, { recursive: true, force: true }))

const tsc = [process.execPath, compiler(), '-p', source, '--outDir', join(stage, 'dist'), '--noEmitOnError']
run(tsc, { cwd: root, what: 'Compiling' })
for (const name of ['package.json', 'README.md']) copyFileSync(join(source, name), join(stage, name))
copyFileSync(join(root, 'LICENSE'), join(stage, 'LICENSE'))
chmodSync(join(stage, 'dist/resource-server/cli.js'), 0o755)
const pack = [...npm(), 'pack', '--json', '--offline', '--ignore-scripts', '--pack-destination', folder]
const [{ filename }] = JSON.parse(run(pack, { cwd: stage, what: 'npm pack' }))
process.stdout.write(`${join(folder, filename)}\n`)
