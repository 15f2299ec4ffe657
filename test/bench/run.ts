import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { stopServers } from '../support/server.js'
import { BENCHMARKS, type Benchmark } from './benchmarks.js'
import { stopChildren } from './children.js'
import { PACES } from './contest.js'
import { describeMachine, machineLine } from './machine.js'
import { goalTable } from './markdown.js'
import { canPin, unpinned } from './pinning.js'
import type { Bench } from './report.js'
import { judged, runAll } from './run-all.js'
import { openStage, type Stage } from './stage.js'

// npm run bench [-- --quick] [--json FILE] [--markdown FILE] [name …]: how near the server comes to what this machine can do, and how
// far it is from a peer. Ends with 1 when an answer was wrong; no speed is, and no goal that is missed.

const USAGE = `npm run bench [-- --quick] [--json FILE] [--markdown FILE] [${[...BENCHMARKS.keys()].join(' ')}]`

type Options = {
  readonly pace: keyof typeof PACES
  readonly json: string
  readonly markdown: string | undefined
  readonly benchmarks: readonly (readonly [string, Benchmark])[]
}

/** Undefined when there is no such option or benchmark. */
function readOptions(): Options | undefined {
  const text = { type: 'string' } as const
  const flag = { type: 'boolean', default: false } as const
  const options = { quick: flag, smoke: flag, json: text, markdown: text }
  try {
    const { values, positionals: names } = parseArgs({ options, allowPositionals: true })
    if (names.some((name) => !BENCHMARKS.has(name))) return undefined
    const pace = values.smoke ? 'smoke' : values.quick ? 'quick' : 'full'
    const chosen = ([name, { usual, quick }]: readonly [string, Benchmark]) =>
      names.length > 0 ? names.includes(name) : usual && (quick || pace === 'full')
    // Each kind of run keeps its last.
    const file = [process.versions.node.split('.')[0], ...(pace === 'full' ? [] : [pace]), ...names].join('-')
    const json = values.json ?? fileURLToPath(new URL(`results/${file}.json`, import.meta.url))
    return { pace, json, markdown: values.markdown, benchmarks: [...BENCHMARKS].filter(chosen) }
  } catch {
    return undefined
  }
}

async function run({ pace, json, markdown, benchmarks }: Options): Promise<void> {
  const machine = describeMachine()
  const said: string[] = []
  const say = (text: string) => {
    said.push(text)
    console.log(text)
  }
  say(`${machineLine(machine, { pinning: canPin(), pace: paceLine(pace) })}\n`)
  let stage: Promise<Stage> | undefined
  const bench: Bench = {
    quick: pace !== 'full',
    stage() {
      stage ??= unpinned(openStage)
      return stage
    },
  }
  // Undefined when nobody asked for one, or when it could not be opened, which whoever asked has been told.
  const opened = async () => stage?.catch(() => undefined)
  let closed: Promise<void> | undefined
  const close = () => {
    stopChildren()
    closed ??= opened().then((one) => one?.close())
    return closed
  }
  // A Postgres of its own would go on without it, and so would servers.
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () =>
      stopServers()
        .then(close)
        .finally(() => process.exit(1)),
    )
  try {
    const done = await runAll(benchmarks, { bench, pace: PACES[pace], say })
    const postgres = await versionOf(await opened())
    say(goalTable(done.reports.flatMap(({ goals }) => goals)))
    for (const { name } of done.failures) say(`**${name} is wrong, and has no figures.**\n`)
    write(json, `${JSON.stringify({ ...machine, postgres, pace, pinning: canPin(), ...judged(done) }, undefined, 2)}\n`)
    if (markdown !== undefined) write(markdown, `${said.join('\n')}\n`)
    console.log(`Kept as JSON in ${json}`)
    if (done.failures.length > 0) process.exitCode = 1
  } finally {
    // Those that benchmarks have started beside the stage's.
    await stopServers()
    await close()
  }
}

async function versionOf(stage: Stage | undefined): Promise<string | undefined> {
  const answer = await stage?.pool.query<{ server_version: string }>('SHOW server_version')
  return answer?.rows[0]?.server_version
}

function paceLine(pace: Options['pace']): string {
  const { rounds } = PACES[pace]
  return `${pace}, ${rounds} ${rounds === 1 ? 'round' : 'rounds'}, the median of them and the least and most`
}

function write(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, text)
}

const options = readOptions()
if (options) {
  await run(options)
} else {
  console.error(USAGE)
  process.exitCode = 2
}
