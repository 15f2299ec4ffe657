import type { BrowserPorts } from '../oauth/browser-ports.js'
import type { LogoutDeliveries, LogoutDelivery } from '../oauth/ending-ports.js'
import { logoutToken } from '../oauth/logout-token.js'
import type { Ports } from '../oauth/ports.js'

/** The guarded fetcher's part that is needed here. Its errors say why in words, and quote nothing of the answer. */
export type PostForm = (
  url: string,
  options: { registeredBy: 'operator'; timeoutMs: number; form: Readonly<Record<string, string>> },
) => Promise<number>

/** `refused`: the client says that the token is wrong. `unwanted`: it is gone, or asks no longer to be told. */
export type LogoutOutcome = 'told' | 'refused' | 'postponed' | 'given_up' | 'unwanted' | 'superseded'

type LogoutDeliveryDeps = Pick<
  Ports & BrowserPorts,
  'tenants' | 'clients' | 'subjects' | 'jwtSigner' | 'log' | 'now'
> & {
  readonly deliveries: LogoutDeliveries
  readonly postForm: PostForm
  readonly count: (outcome: LogoutOutcome) => void
  readonly random?: () => number
}

export type LogoutDeliveryJob = {
  /** Takes what is due now. Resolves once it is under way; rejects when the database can't be asked. */
  run(): Promise<undefined>
  /** The same at once and in the background: a session has ended here. */
  kick(): void
  /** Takes nothing any more and waits for what is under way. */
  stop(): Promise<void>
}

const TIMEOUT_MS = 5_000
/** Seconds; what was taken longer ago was lost with its process. Signing and the timeout fit in it several times. */
const LEASE = 30
const KEEP = 24 * 3600
const AT_A_TIME = 16
const MOST = 64
/** Of one client: a slow one does not keep the others waiting. */
const MOST_OF_ONE = 4

/** Seconds until the next try: three times as long each time, up to an hour, a quarter more or less. */
export const pauseAfter = (tries: number, random: number): number =>
  Math.min(3600, 5 * 3 ** (tries - 1)) * (0.75 + 0.5 * random)

/**
 * Tells clients that sessions are over, OpenID Connect Back-Channel Logout §2.5. What is to be told was written with the end of the
 * session; any number of processes share it.
 */
export function createLogoutDelivery(deps: LogoutDeliveryDeps): LogoutDeliveryJob {
  const { deliveries, log, count } = deps
  const underWay = new Map<Promise<void>, LogoutDelivery>()
  let wanted = false
  let taking: Promise<undefined> | undefined
  let stopped = false

  function take(): Promise<undefined> {
    wanted = true
    taking ??= takeAll().finally(() => {
      taking = undefined
      // Asked after the last look.
      if (wanted && !stopped) kick()
    })
    return taking
  }

  async function takeAll(): Promise<undefined> {
    while (wanted && !stopped) {
      const limit = Math.min(AT_A_TIME, MOST - underWay.size)
      wanted = false
      // Whoever ends makes room, and goes on from there.
      if (limit <= 0) return
      const due = await deliveries.claim({ lease: LEASE, limit, busy: busy([...underWay.values()]) })
      for (const delivery of due) start(delivery)
      if (due.length > 0) wanted = true
    }
  }

  function start(delivery: LogoutDelivery): void {
    const full = underWay.size >= MOST - 1
    const telling = settle(delivery, deps)
      .then(count)
      // Its lease runs out, and somebody takes it again.
      .catch((err: unknown) => log.error({ err, ...about(delivery) }, 'the outcome of a logout could not be kept'))
      .finally(() => {
        const crowded = full || busy([...underWay.values()]).includes(delivery.clientId)
        underWay.delete(telling)
        if (crowded) kick()
      })
    underWay.set(telling, delivery)
  }

  function kick(): void {
    void take().catch((err: unknown) => log.error({ err }, 'logouts could not be told and will be'))
  }

  return {
    run: take,
    kick,
    async stop() {
      stopped = true
      await taking?.catch(() => {})
      await Promise.all(underWay.keys())
    },
  }
}

/** Clients that as many are being told to as may be. */
function busy(underWay: readonly LogoutDelivery[]): string[] {
  const ids = underWay.map(({ clientId }) => clientId)
  return [...new Set(ids)].filter((id) => ids.filter((one) => one === id).length >= MOST_OF_ONE)
}

const about = ({ tenantId, clientId, sessionId, tries }: LogoutDelivery) => ({
  tenant: tenantId,
  client: clientId,
  session: sessionId,
  tries,
})

/** One try and what follows from it. OpenID Connect Back-Channel Logout §2.8. */
async function settle(delivery: LogoutDelivery, deps: LogoutDeliveryDeps): Promise<LogoutOutcome> {
  const { deliveries, log, random = Math.random } = deps
  const answer = await tell(delivery, deps)
  if (answer === 'unwanted' || answer === 200 || answer === 204) {
    await deliveries.done(delivery)
    if (answer === 'unwanted') return answer
    log.info(about(delivery), 'a client was told of a logout')
    return 'told'
  }
  if (answer === 400) {
    log.warn(about(delivery), 'a client refused a logout token')
    await deliveries.done(delivery)
    return 'refused'
  }
  const outcome = await deliveries.later(delivery, { pause: pauseAfter(delivery.tries, random()), keep: KEEP })
  const reason = typeof answer === 'number' ? `It answered with status ${answer}.` : answer.failed
  log.warn({ ...about(delivery), reason, outcome }, 'a client could not be told of a logout')
  return outcome
}

/** The status that the client answered with. */
async function tell(
  delivery: LogoutDelivery,
  deps: LogoutDeliveryDeps,
): Promise<number | 'unwanted' | { failed: string }> {
  try {
    const tenant = await deps.tenants.find(delivery.tenant)
    const client = tenant && (await deps.clients.find(tenant.id, delivery.clientId))
    const uri = client?.openid.backchannelLogoutUri
    if (!tenant || !client || uri === undefined) return 'unwanted'
    const logout_token = await logoutToken({ ...delivery, tenant, client }, deps)
    return await deps.postForm(uri, { registeredBy: 'operator', timeoutMs: TIMEOUT_MS, form: { logout_token } })
  } catch (error) {
    return { failed: error instanceof Error ? error.message : 'The try failed.' }
  }
}
