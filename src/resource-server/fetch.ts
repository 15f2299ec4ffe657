import type { Requirements, VerifiedClaims, WhenStale } from './options.js'
import { refusalAnswer, wellKnownAnswer } from './plain-answer.js'
import { fetchRequestParts, fetchTarget } from './request-parts.js'
import { toResponse } from './to-response.js'
import type { Admitted, PlainAnswer, Verifier } from './verifier.js'
import { VerifyError } from './verify-error.js'

/** Answers a request that was let in. What a runtime gives beside the request (parameters, a context) comes after the claims. */
export type ProtectedHandler<R extends Request, Rest extends unknown[]> = (
  request: R,
  claims: VerifiedClaims,
  ...rest: Rest
) => Response | Promise<Response>

/**
 * A handler that answers by itself whoever brings no good token: for Bun, Deno, the route handlers of Next.js, and whatever makes
 * responses of requests. Throws TypeError when no token can meet the requirements. RFC 6750 §3.
 */
export function protect<W extends WhenStale, R extends Request, Rest extends unknown[]>(
  bulla: Verifier<W>,
  requirements: NoInfer<Requirements<W>>,
  handler: ProtectedHandler<R, Rest>,
): (request: R, ...rest: Rest) => Promise<Response> {
  bulla.check(requirements)
  return async (request, ...rest) => {
    let admitted: Admitted
    try {
      admitted = await bulla.authenticate(fetchRequestParts(request, request), requirements)
    } catch (error) {
      if (error instanceof VerifyError) return toResponse(refusalAnswer(error, request.method))
      throw error
    }
    return withHeaders(await handler(request, admitted.claims, ...rest), admitted.headers)
  }
}

/** What stands at the well-known addresses of this API; undefined for any other request. RFC 9728 §3.1. */
export function wellKnown(bulla: Pick<Verifier, 'wellKnown'>, request: Request): Response | undefined {
  const answer = wellKnownAnswer(bulla, { method: request.method, target: fetchTarget(request) })
  return answer && toResponse(answer)
}

/** A response of another server can't be added to. */
function withHeaders(response: Response, headers: PlainAnswer['headers']): Response {
  const further = Object.entries(headers)
  if (further.length === 0) return response
  const answer = new Response(response.body, response)
  for (const [name, value] of further) answer.headers.set(name, value)
  return answer
}
