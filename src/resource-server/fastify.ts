import { admit, admittedClaims } from './admitted-requests.js'
import type { Requirements, VerifiedClaims, WhenStale } from './options.js'
import { EXPOSE, refusalAnswer, wellKnownAnswer } from './plain-answer.js'
import { type NodeRequest, nodeRequestParts } from './request-parts.js'
import type { PlainAnswer, Verifier } from './verifier.js'
import { VerifyError } from './verify-error.js'

/** What is read of a request of Fastify. */
export type ProtectedRequest = { readonly raw: NodeRequest; readonly originalUrl: string }

/** What is done to a reply of Fastify. */
export type ProtectedReply = {
  hasHeader(name: string): boolean
  code(status: number): unknown
  header(name: string, value: string): unknown
  send(body?: string): unknown
  callNotFound(): unknown
}

/** A hook, for `onRequest` or `preHandler`. In the first, nobody's body is read who is not let in. */
export type TokenHook = (request: ProtectedRequest, reply: ProtectedReply) => Promise<unknown>

type Route = {
  readonly method: string[]
  readonly url: string
  readonly onRequest: TokenHook
  readonly handler: (request: ProtectedRequest, reply: ProtectedReply) => unknown
}

/** What a plugin does to an instance of Fastify. */
export type RouteRegistry = { route(options: Route): unknown }

const WELL_KNOWN_METHODS = ['GET', 'HEAD', 'OPTIONS', 'POST', 'PUT', 'PATCH', 'DELETE']

/**
 * Lets requests on that carry a good token, and answers the others itself. Throws TypeError when no token can meet the requirements.
 * RFC 6750 §3.
 */
export function requireToken<W extends WhenStale>(
  bulla: Verifier<W>,
  requirements: NoInfer<Requirements<W>> = {},
): TokenHook {
  bulla.check(requirements)
  return async (request, reply) => {
    try {
      const parts = nodeRequestParts(request.raw, request.originalUrl)
      const { claims, headers } = await bulla.authenticate(parts, requirements)
      admit(request, claims)
      setHeaders(reply, headers)
      return undefined
    } catch (error) {
      if (!(error instanceof VerifyError)) throw error
      const answer = refusalAnswer(error, request.raw.method)
      const { [EXPOSE]: exposed, ...headers } = answer.headers
      // What the app exposes by itself is its own choice.
      if (exposed !== undefined && !reply.hasHeader(EXPOSE)) reply.header(EXPOSE, exposed)
      return give(reply, { ...answer, headers })
    }
  }
}

/** The claims of the token that a request was let in with. Throws TypeError in a route that asks for none. */
export function claimsOf(request: ProtectedRequest): VerifiedClaims {
  return admittedClaims(request)
}

/** A plugin that answers at the well-known addresses of this API; register it at the root, without a prefix. RFC 9728 §3.1. */
export function wellKnown(bulla: Pick<Verifier, 'wellKnown'>): (instance: RouteRegistry) => Promise<void> {
  return async (instance) => {
    instance.route({
      method: WELL_KNOWN_METHODS,
      url: '/.well-known/*',
      // Before there is any body to be of a type that nobody reads.
      onRequest: async (request, reply) => {
        const { method = 'GET' } = request.raw
        const answer = wellKnownAnswer(bulla, { method, target: request.originalUrl })
        return answer && give(reply, answer)
      },
      handler: (_request, reply) => reply.callNotFound(),
    })
  }
}

function give(reply: ProtectedReply, { status, headers, body }: PlainAnswer): ProtectedReply {
  reply.code(status)
  setHeaders(reply, headers)
  if (body === '') reply.send()
  else reply.send(body)
  return reply
}

function setHeaders(reply: ProtectedReply, headers: PlainAnswer['headers']): void {
  for (const [name, value] of Object.entries(headers)) reply.header(name, value)
}
