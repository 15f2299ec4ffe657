// Builds what changed: the Prisma client when its schema did, then TypeScript, incrementally.
// Plain JavaScript, because it runs before anything is compiled.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const quiet = process.argv.includes('--quiet')
const require = createRequire(import.meta.url)

/** Runs a program of node_modules; ends this one, with what it said, when it fails. */
function run(args, env) {
  const done = spawnSync(process.execPath, args, { cwd: root, env: { ...process.env, ...env }, encoding: 'utf8' })
  if (!quiet && done.stdout) process.stdout.write(done.stdout)
  if (done.status === 0) return
  process.stderr.write(
    `${done.stdout ?? ''}${done.stderr ?? ''}${done.error ?? ''}\nThe build failed: ${args.join(' ')}\n`,
  )
  process.exit(1)
}

function resolveTool(name, path) {
  try {
    return require.resolve(`${name}/${path}`)
  } catch {
    return undefined
  }
}

const tsc = resolveTool('typescript', 'lib/tsc.js')
if (!tsc) {
  // An image built for production holds dist and no compiler.
  if (existsSync(join(root, 'dist/main.js'))) process.exit(0)
  process.stderr.write('There is nothing built and no compiler: run `npm ci` first.\n')
  process.exit(1)
}

const schema = readFileSync(join(root, 'prisma/schema.prisma'))
const prismaVersion = JSON.parse(readFileSync(require.resolve('prisma/package.json'), 'utf8')).version
const stamp = createHash('sha256').update(schema).update(prismaVersion).digest('hex')
const stampFile = join(root, 'src/store/generated/.stamp')
if (!existsSync(stampFile) || readFileSync(stampFile, 'utf8') !== stamp) {
  // Generating never runs the schema engine, but looks for one: any executable satisfies it, so nothing is downloaded.
  run(
    [
      join(dirname(require.resolve('prisma/package.json')), 'build/index.js'),
      'generate',
      '--schema',
      'prisma/schema.prisma',
    ],
    {
      PRISMA_SCHEMA_ENGINE_BINARY: process.execPath,
      PRISMA_HIDE_UPDATE_MESSAGE: '1',
      CHECKPOINT_DISABLE: '1',
    },
  )
  mkdirSync(dirname(stampFile), { recursive: true })
  writeFileSync(stampFile, stamp)
}
run([tsc, '-b', 'tsconfig.json', 'tsconfig.scripts.json'])
