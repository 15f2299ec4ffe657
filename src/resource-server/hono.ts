import { admit, admittedClaims } from './admitted-requests.js'
import type { Requirements, VerifiedClaims, WhenStale } from './options.js'
import { EXPOSE, refusalAnswer, wellKnownAnswer } from './plain-answer.js'
import { fetchRequestParts, fetchTarget } from './request-parts.js'
import { toResponse } from './to-response.js'
import type { Admitted, PlainAnswer, Verifier } from './verifier.js'
import { VerifyError } from './verify-error.js'

/** What is read of a context of Hono; `res` is the response so far. */
export type ProtectedContext = {
  readonly req: { readonly raw: Request }
  readonly res: Response
  header(name: string, value: string): void
}

/** A middleware of Hono 4. */
export type HonoMiddleware = (c: ProtectedContext, next: () => Promise<void>) => Promise<Response | undefined>

/**
 * Lets requests on that carry a good token, and answers the others itself. Throws TypeError when no token can meet the requirements.
 * `cors()` stands before it: preflights carry no token. RFC 6750 §3.
 */
export function requireToken<W extends WhenStale>(
  bulla: Verifier<W>,
  requirements: NoInfer<Requirements<W>> = {},
): HonoMiddleware {
  bulla.check(requirements)
  return async (c, next) => {
    let admitted: Admitted
    try {
      admitted = await bulla.authenticate(fetchRequestParts(c.req.raw, c), requirements)
    } catch (error) {
      if (error instanceof VerifyError) return give(c, refusalAnswer(error, c.req.raw.method))
      throw error
    }
    admit(c, admitted.claims)
    await next()
    // Now: a response that is made without the context forgets what was set before.
    for (const [name, value] of Object.entries(admitted.headers)) c.header(name, value)
    return undefined
  }
}

/** The claims of the token that a request was let in with. Throws TypeError in a route that asks for none. */
export function claimsOf(c: ProtectedContext): VerifiedClaims {
  return admittedClaims(c)
}

/** A middleware that answers at the well-known addresses of this API, and lets everything else on. RFC 9728 §3.1. */
export function wellKnown(bulla: Pick<Verifier, 'wellKnown'>): HonoMiddleware {
  return async (c, next) => {
    const { raw } = c.req
    // Who calls is not read yet: what stands behind this may still put a header there.
    const answer = wellKnownAnswer(bulla, { method: raw.method, target: fetchTarget(raw) })
    if (answer) return give(c, answer)
    await next()
    return undefined
  }
}

/** Hono adds to a response what the app has set before, and that wins: as to what is exposed, it should; else, what is answered here. */
function give({ res }: ProtectedContext, answer: PlainAnswer): Response {
  for (const name of Object.keys(answer.headers)) if (name !== EXPOSE) res.headers.delete(name)
  return toResponse(answer)
}
