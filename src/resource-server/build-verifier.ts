import { TokenError } from '../crypto/token-error.js'
import type { Scheme } from '../wire/challenge.js'
import { createAdmission, Unavailable } from './admission.js'
import { checkOptions } from './check-options.js'
import { elapsedTime } from './elapsed.js'
import { createIntrospection } from './introspection.js'
import { createIssuerDocuments } from './issuer-documents.js'
import { createIssuerHttp } from './issuer-http.js'
import type { PresentedProof, Requirements, VerifiedClaims, VerifierOptions } from './options.js'
import { presentedToken } from './presented-token.js'
import { acceptedSchemes, createPossessionCheck } from './proof-of-possession.js'
import { rememberTokens } from './remembered-tokens.js'
import { defineRequirements, type RouteRequirements, scopeHierarchy, unmetRequirement } from './requirements.js'
import { createRevocationSource, type FollowRevocations } from './revocation-source.js'
import type { Admitted, RequestParts, Verifier, VerifierStatus } from './verifier.js'
import type { VerifierEvent } from './verifier-event.js'
import { type ProtectionSpace, type Refusal, VerifyError } from './verify-error.js'
import { wellKnownDocuments } from './well-known.js'

type Presented = PresentedProof & { readonly token: string; readonly scheme: Scheme }

const NO_HEADERS = Object.freeze({})
const ANYTHING = { route: defineRequirements(), proof: undefined }
const PROVEN = { ok: true, nonce: undefined } as const
const READY_WITHIN = 30_000
const LOOK_AGAIN = 20

/** How a verifier learns of revocations, and of time; seconds. */
export type Surroundings = {
  readonly follow: FollowRevocations
  /** Since 1970. */
  readonly now?: () => number
  /** Of a clock that is never set. */
  readonly monotonic?: () => number
}

/** Puts a verifier together. Throws TypeError for options that can't be. */
export function buildVerifier(
  options: VerifierOptions,
  { follow, now = () => Date.now() / 1000, ...clocks }: Surroundings,
): Verifier {
  const checked = checkOptions(options)
  const { clockTolerance } = checked
  const { issuer, audience, credentials, impliedScopes, dpop = {} } = options
  const monotonic = elapsedTime({ now, monotonic: clocks.monotonic ?? (() => performance.now() / 1000) })
  const tell = async (event: VerifierEvent): Promise<unknown> => options.log?.(event)
  // Who is let in does not hang on a log, at once or later.
  const log = (event: VerifierEvent) => void tell(event).catch(() => {})

  const http = createIssuerHttp(issuer, options.fetch)
  const documents = createIssuerDocuments(issuer, {
    http,
    log,
    monotonic,
    isKeyRevoked: (kid) => source.current()?.isKeyRevoked(kid) ?? false,
  })
  const source = createRevocationSource(documents, (metadata) =>
    follow(metadata, { issuer, http, keys: documents.keys, credentials, log, monotonic }),
  )
  const remembered = rememberTokens(checked.cacheSize)
  const admit = createAdmission({
    opener: { issuer, audience, decryptionKeys: checked.decryptionKeys },
    documents,
    revocations: source.current,
    introspect:
      credentials &&
      createIntrospection(credentials, { http, log, endpoint: () => documents.metadata()?.introspectionEndpoint }),
    remembered,
    now,
    clockTolerance,
  })
  const possession = createPossessionCheck(dpop, { now, clockTolerance })
  // Two guards before one handler ask about one request: its proof is used once.
  const proven = new WeakMap<RequestParts, string>()
  const hierarchy = scopeHierarchy(impliedScopes)
  const schemes = acceptedSchemes(dpop)
  const { resourceMetadata, answer } = wellKnownDocuments(options)

  function refuse(refusal: Refusal, { scope }: Pick<RouteRequirements, 'scope'>): VerifyError {
    const { code, reason } = refusal
    const level = code === 'temporarily_unavailable' ? 'warn' : 'info'
    log({ level, event: 'refused', message: 'A request was refused.', detail: { code, reason } })
    const space: ProtectionSpace = { schemes, scope: scope.length > 0 ? scope : undefined, resourceMetadata }
    return new VerifyError(refusal, space)
  }

  /** RFC 9068 §4, then RFC 9449 §7, then what the route asks. */
  async function decide(presented: Presented, route: RouteRequirements, request?: RequestParts): Promise<Admitted> {
    const { token, scheme } = presented
    const { whenStale = options.whenStale ?? 'unavailable', introspect } = route
    let claims: VerifiedClaims
    try {
      claims = await admit(token, { whenStale, introspect })
    } catch (error) {
      throw refusalFor(error, { scheme, route })
    }
    const isProven = scheme === 'DPoP' && request !== undefined && proven.get(request) === token
    const verdict = isProven ? PROVEN : await possession(claims, presented)
    if (!verdict.ok) throw refuse(verdict.refusal, route)
    if (scheme === 'DPoP' && request) proven.set(request, token)
    const unmet = unmetRequirement(claims, route, { now: now(), clockTolerance, hierarchy })
    if (unmet) throw refuse({ ...unmet, scheme }, route)
    return { claims, headers: verdict.nonce === undefined ? NO_HEADERS : { 'dpop-nonce': verdict.nonce } }
  }

  function refusalFor(error: unknown, { scheme, route }: { scheme: Scheme; route: RouteRequirements }): unknown {
    if (error instanceof TokenError) return refuse({ code: 'invalid_token', reason: error.reason, scheme }, route)
    if (!(error instanceof Unavailable)) return error
    return refuse({ code: 'temporarily_unavailable', reason: error.reason }, route)
  }

  /** Checks what a route asks, also that there is somebody to ask. */
  function define(requirements: Requirements): RouteRequirements {
    const route = defineRequirements(requirements)
    if (!credentials && (route.introspect || route.whenStale === 'introspect')) {
      throw new TypeError('To introspect, createVerifier needs credentials: the api_id and api_secret of this API.')
    }
    return route
  }

  /** What a call of `verify` asks, and the proof that goes with its token. */
  function taken(asked: Requirements & { readonly dpop?: PresentedProof | undefined }) {
    if (!('dpop' in asked)) return { route: define(asked), proof: undefined }
    const { dpop: proof, ...requirements } = asked
    return { route: define(requirements), proof }
  }

  function isReady(): boolean {
    if (!documents.metadata()) return false
    const revocations = source.current()?.status()
    if (!revocations) return false
    // Lists are fetched when a token points to one.
    return revocations.source === 'status_list' || (revocations.age ?? Number.POSITIVE_INFINITY) <= revocations.bound
  }

  return {
    async verify(token, requirements) {
      const { route, proof } = requirements ? taken(requirements) : ANYTHING
      const presented = proof
        ? { scheme: 'DPoP' as const, token, proof: proof.proof, method: proof.method, url: proof.url }
        : { scheme: 'Bearer' as const, token, proof: undefined, method: '', url: '' }
      return (await decide(presented, route)).claims
    },
    async authenticate(request, requirements) {
      const route = requirements ? define(requirements) : ANYTHING.route
      const found = presentedToken(request)
      if ('code' in found) throw refuse(found, route)
      const { scheme, token, proof } = found
      const { method, target } = request
      // A proof alone says where it was sent.
      const url = scheme === 'DPoP' ? `${checked.publicUrl ?? ''}${pathOf(target)}` : ''
      return decide({ scheme, token, proof, method, url }, route, request)
    },
    check: (requirements) => void define(requirements),
    wellKnown: (target) => answer(pathOf(target)),
    async ready(within = READY_WITHIN) {
      const until = performance.now() + within
      while (!isReady()) {
        if (documents.isClosed()) throw new Error('The verifier was closed.')
        if (performance.now() > until) throw new Error(`The authorization server at ${issuer} did not answer in time.`)
        await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN))
      }
    },
    status: (): VerifierStatus => ({
      ready: isReady(),
      revocations: source.current()?.status(),
      signingKeys: documents.keys.kids(),
      keysAge: documents.age(),
      rememberedTokens: remembered.size(),
    }),
    close() {
      documents.close()
      source.close()
    },
  }
}

/** The path of a request's target, which a proxy may get as a whole URL. RFC 9112 §3.2. */
function pathOf(target: string): string {
  const origin = /^https?:\/\/[^/?#]*/i.exec(target)?.[0] ?? ''
  return target.slice(origin.length).split(/[?#]/, 1)[0] || '/'
}
