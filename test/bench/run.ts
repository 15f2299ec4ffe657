import { availableParallelism, loadavg } from 'node:os'
import { stopServers } from '../support/server.js'
import { stopChildren } from './children.js'
import { type Contest, compete, ROUNDS } from './contest.js'
import { introspect } from './introspect.js'
import { login } from './login.js'
import { refresh } from './refresh.js'
import { revocation } from './revocation.js'
import { seal } from './seal.js'
import { openStage, type Stage } from './stage.js'
import { statusList } from './status-list.js'
import { tableHead, tableRows } from './table.js'
import { token } from './token.js'
import { verify } from './verify.js'

// npm run bench [-- name …]: how near the server comes to what this machine can do. Ends with 1 when an answer was wrong; no
// speed is.

type Benchmark =
  | { readonly title: string; readonly contests: (stage: () => Promise<Stage>) => Promise<readonly Contest[]> }
  /** Has no limit to be held against, and says itself what it found. */
  | { readonly report: (stage: Stage) => Promise<void> }

const BENCHMARKS = new Map<string, Benchmark>([
  ['seal', { title: 'Access tokens, in process', contests: seal }],
  ['token', { title: 'Tokens over HTTP', contests: async (stage) => token(await stage()) }],
  ['refresh', { title: 'Refreshes', contests: async (stage) => refresh(await stage()) }],
  ['login', { title: 'Sign-ins', contests: async (stage) => login(await stage()) }],
  ['introspect', { title: 'Introspections', contests: async (stage) => introspect(await stage()) }],
  ['status-list', { title: 'Status lists', contests: async (stage) => statusList(await stage()) }],
  ['verify', { title: 'At the API, in process', contests: verify }],
  ['revocation', { report: revocation }],
])

async function run(benchmarks: readonly Benchmark[]): Promise<void> {
  const load = loadavg()[0]?.toFixed(1)
  console.log(`Node ${process.versions.node}, ${availableParallelism()} cores, ${ROUNDS} rounds, load before: ${load}`)
  let stage: Promise<Stage> | undefined
  const open = () => {
    stage ??= openStage()
    return stage
  }
  let closed: Promise<void> | undefined
  const close = () => {
    stopChildren()
    closed ??= (stage ?? Promise.resolve(undefined)).then((opened) => opened?.close())
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
    for (const benchmark of benchmarks) {
      if ('report' in benchmark) {
        console.log()
        await benchmark.report(await open())
        continue
      }
      console.log(`\n${tableHead(benchmark.title)}`)
      for (const contest of await benchmark.contests(open)) {
        for (const result of await compete(contest)) console.log(tableRows(result))
      }
    }
  } finally {
    await close()
  }
}

const names = process.argv.slice(2)
const unknown = names.filter((name) => !BENCHMARKS.has(name))
if (unknown.length > 0) {
  console.error(`There is no benchmark ${unknown.join(', ')}; there are ${[...BENCHMARKS.keys()].join(', ')}.`)
  process.exitCode = 2
} else {
  await run([...BENCHMARKS].filter(([name]) => names.length === 0 || names.includes(name)).map(([, each]) => each))
}
