import { buildVerifier } from '../../src/resource-server/build-verifier.js'
import type { VerifierOptions } from '../../src/resource-server/options.js'
import type { FollowRevocations } from '../../src/resource-server/revocation-source.js'
import type { Revocations, Verdict } from '../../src/resource-server/revocations.js'
import type { Verifier } from '../../src/resource-server/verifier.js'
import type { VerifierEvent } from '../../src/resource-server/verifier-event.js'
import { VerifyError } from '../../src/resource-server/verify-error.js'
import { liveRevocations } from './live-revocations.js'
import { AUDIENCE, stubIssuer } from './stub-issuer.js'

const open: Verifier[] = []

/** For `afterEach`. */
export function closeVerifiers(): void {
  for (const verifier of open.splice(0)) verifier.close()
}

/** The issuer does not answer. */
export const outage = () => Promise.reject(new TypeError('fetch failed', { cause: new Error('ECONNREFUSED') }))

/** What is known of revocations, as a test wants it. */
export function revocations(
  verdict: () => Verdict | Promise<Verdict>,
  more: Partial<Revocations> = {},
): FollowRevocations {
  return (...args) => ({ ...liveRevocations(...args), judge: verdict, ...more })
}

/** A verifier of an issuer without a socket, its clock in the hand of the test. */
export async function setUp({
  options = {},
  follow = liveRevocations,
  stub: given,
}: {
  options?: Partial<VerifierOptions> | Record<string, unknown>
  follow?: FollowRevocations
  stub?: Awaited<ReturnType<typeof stubIssuer>>
} = {}) {
  const stub = given ?? (await stubIssuer())
  const events: VerifierEvent[] = []
  const { issuer, fetch, decryptionKeys } = stub
  const common = {
    issuer,
    audience: AUDIENCE,
    decryptionKeys,
    fetch,
    log: (event: VerifierEvent) => events.push(event),
  }
  const clock = { now: Date.now() / 1000, monotonic: 1_000 }
  const verifier = buildVerifier({ ...common, ...options } as VerifierOptions, {
    follow,
    now: () => clock.now,
    monotonic: () => clock.monotonic,
  })
  open.push(verifier)
  return { stub, events, verifier, clock }
}

/** The refusal; throws when there is none. */
export const errorOf = async (work: Promise<unknown>): Promise<VerifyError> => {
  const error = await work.then(
    () => new Error('It was let in.'),
    (reason) => reason,
  )
  if (error instanceof VerifyError) return error
  throw error
}
/** A request with these headers. */
export const get = (authorization: string | readonly string[], target = '/orders') => ({
  authorization: typeof authorization === 'string' ? [authorization] : authorization,
  dpop: [],
  method: 'GET',
  target,
})
