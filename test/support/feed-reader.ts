import { createIssuerHttp, type IssuerHttp } from '../../src/resource-server/issuer-http.js'
import { createRevocationFeed } from '../../src/resource-server/revocation-feed.js'
import type { Revocations } from '../../src/resource-server/revocations.js'
import type { AccessTokenClaims } from '../../src/wire/claims.js'
import { revocationKeys } from '../../src/wire/revocation-list.js'
import { type FakeFeed, type fakeClock, heldKeys, loggedEvents } from './fake-feed.js'

const open: Revocations[] = []

/** Ends what the readers of a test go on with. */
export function closeReaders(): void {
  for (const one of open.splice(0)) one.close()
}

/** A token as it is judged. */
export function genuine(claims: Partial<AccessTokenClaims> = {}, kid = 'kid-1') {
  const all: AccessTokenClaims = {
    iss: 'https://id.example',
    sub: 'ann',
    aud: 'https://orders.example',
    client_id: 'app',
    iat: 1_800_000_000,
    exp: 1_800_000_300,
    jti: 'token-1',
    rev: 50,
    ...claims,
  }
  return { claims: all, kid, keys: revocationKeys(all, kid) }
}

type Options = {
  readonly http?: IssuerHttp
  readonly keys?: ReturnType<typeof heldKeys>
  readonly clock?: ReturnType<typeof fakeClock>
  readonly hasStream?: boolean
  readonly settings?: Parameters<typeof createRevocationFeed>[1]
}

/** A reader of a feed, quicker to come back than one in production. Without a clock of its own, time goes by. */
export function readFeed(feed: FakeFeed, options: Options = {}) {
  const { clock, hasStream = true, keys = heldKeys(feed.key) } = options
  const logged = loggedEvents()
  const http = options.http ?? createIssuerHttp(feed.issuer)
  let underWay = 0
  const revocations = createRevocationFeed(
    {
      issuer: feed.issuer,
      credentials: { id: 'api_1', secret: 'secret of / api' },
      http: {
        open: http.open,
        request(...args) {
          underWay += 1
          return http.request(...args).finally(() => {
            underWay -= 1
          })
        },
      },
      keys,
      feed: { endpoint: feed.endpoint, maxStaleness: feed.maxStaleness, hasStream },
      log: logged.log,
      ...(clock && { monotonic: clock.read }),
    },
    { tick: 5, leastPause: 5, mostPause: 20, ...options.settings },
  )
  open.push(revocations)
  /** `underWay`: pages that were asked for and have not come. */
  return {
    revocations,
    keys,
    ...logged,
    underWay: () => underWay,
    verdict: (claims = {}) => revocations.judge(genuine(claims)),
  }
}
