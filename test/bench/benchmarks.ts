import type { Contest } from './contest.js'
import { documents } from './documents.js'
import { feedLoad } from './feed-load.js'
import { introspect } from './introspect.js'
import { latency } from './latency.js'
import { lean } from './lean.js'
import { login } from './login.js'
import { refresh } from './refresh.js'
import type { Bench, Report } from './report.js'
import { revocation } from './revocation.js'
import { scale } from './scale.js'
import { seal } from './seal.js'
import { signInLoad } from './sign-in-load.js'
import { tenants } from './tenants.js'
import { token } from './token.js'
import { verify } from './verify.js'
import { workers } from './workers.js'

type When = {
  readonly title: string
  /** Part of a run for which nobody has named any, and of a quick one. */
  readonly usual: boolean
  readonly quick: boolean
  /** Servers have one core and what calls them another; not what needs both. */
  readonly pinned: boolean
}

export type Benchmark = When &
  (
    | { readonly contests: (bench: Bench) => Promise<readonly Contest[]> | AsyncIterable<Contest> }
    /** Has no limit to be held against, and says itself what it found. */
    | { readonly report: (bench: Bench) => Promise<readonly Report[]> }
  )

const always = { usual: true, quick: true, pinned: true }
const free = { ...always, pinned: false }
const long = { usual: true, quick: false, pinned: false }
// What takes so long that it is run by its name alone.
const asked = { ...long, usual: false }

/** By name, in the order they run. */
export const BENCHMARKS: ReadonlyMap<string, Benchmark> = new Map<string, Benchmark>([
  ['seal', { ...always, title: 'Access tokens, in process', contests: seal }],
  ['token', { ...always, title: 'Tokens over HTTP', contests: token }],
  ['refresh', { ...always, title: 'Refreshes', contests: refresh }],
  ['introspect', { ...always, title: 'Introspections', contests: async ({ stage }) => introspect(await stage()) }],
  ['documents', { ...always, title: 'Documents', contests: documents }],
  ['verify', { ...always, title: 'At the API, in process', contests: verify }],
  ['login', { ...free, title: 'Sign-ins', contests: async ({ stage }) => login(await stage()) }],
  ['revocation', { ...long, title: 'Revocations', report: async ({ stage }) => revocation(await stage()) }],
  ['latency', { ...long, title: 'Latencies', report: latency }],
  ['sign-in', { ...long, title: 'Sign-ins beside tokens', report: signInLoad }],
  ['workers', { ...long, title: 'Two workers', report: workers }],
  ['lean', { ...long, title: 'Memory, starts, size', report: lean }],
  ['feed', { ...long, title: 'Subscribers', report: feedLoad }],
  ['tenants', { ...asked, title: 'Tenants', report: tenants }],
  ['scale', { ...asked, title: 'Large databases', report: scale }],
])
