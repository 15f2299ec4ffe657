import { emitWarning } from 'node:process'
import { admit, admittedClaims } from './admitted-requests.js'
import type { Requirements, VerifiedClaims, WhenStale } from './options.js'
import { EXPOSE, refusalAnswer, wellKnownAnswer } from './plain-answer.js'
import { type NodeRequest, nodeRequestParts, targetOf } from './request-parts.js'
import type { PlainAnswer, Verifier } from './verifier.js'
import { VerifyError } from './verify-error.js'

export type { NodeRequest } from './request-parts.js'

/** What is done to a `ServerResponse` of node:http; the responses of Express and Connect are such. */
export type NodeResponse = {
  statusCode: number
  readonly headersSent: boolean
  hasHeader(name: string): boolean
  setHeader(name: string, value: string): unknown
  end(body?: string): unknown
}

/** For Express 4 and 5, for Connect, and for node:http with a `next` of one's own. */
export type NodeMiddleware = (req: NodeRequest, res: NodeResponse, next: (error?: unknown) => void) => void

/**
 * Lets requests on that carry a good token, and answers the others itself. Throws TypeError when no token can meet the requirements.
 * What answers preflights stands before it: they carry no token. RFC 6750 §3.
 */
export function requireToken<W extends WhenStale>(
  bulla: Verifier<W>,
  requirements: NoInfer<Requirements<W>> = {},
): NodeMiddleware {
  bulla.check(requirements)
  async function decide(req: NodeRequest, res: NodeResponse, next: (error?: unknown) => void): Promise<void> {
    try {
      const { claims, headers } = await bulla.authenticate(nodeRequestParts(req), requirements)
      admit(req, claims)
      if (!res.headersSent) setHeaders(res, headers)
    } catch (error) {
      if (error instanceof VerifyError) refuse(res, refusalAnswer(error, req.method))
      else fail(res, next, error)
      return
    }
    next()
  }
  return (req, res, next) => void decide(req, res, next)
}

/** The claims of the token that a request was let in with. Throws TypeError in a route that asks for none. */
export function claimsOf(req: NodeRequest): VerifiedClaims {
  return admittedClaims(req)
}

/** Answers at the well-known addresses of this API, and lets everything else on. RFC 9728 §3.1. */
export function wellKnown(bulla: Pick<Verifier, 'wellKnown'>): NodeMiddleware {
  return (req, res, next) => {
    const answer = wellKnownAnswer(bulla, { method: req.method ?? 'GET', target: targetOf(req) })
    if (answer) give(res, answer)
    else next()
  }
}

function refuse(res: NodeResponse, answer: PlainAnswer): void {
  const { [EXPOSE]: exposed = '', ...headers } = answer.headers
  // What the app exposes by itself is its own choice.
  give(res, res.hasHeader(EXPOSE) ? { ...answer, headers } : { ...answer, headers: { ...headers, [EXPOSE]: exposed } })
}

function give(res: NodeResponse, { status, headers, body }: PlainAnswer): void {
  // Somebody has lost patience, and answered.
  if (res.headersSent) return
  res.statusCode = status
  setHeaders(res, headers)
  if (body === '') res.end()
  else res.end(body)
}

function setHeaders(res: NodeResponse, headers: PlainAnswer['headers']): void {
  for (const [name, value] of Object.entries(headers)) res.setHeader(name, value)
}

/** A `next` that takes no error is a handler of one's own: called, it would answer a request that nobody has looked at. */
function fail(res: NodeResponse, next: (error?: unknown) => void, error: unknown): void {
  if (next.length > 0) {
    next(error)
    return
  }
  give(res, { status: 500, headers: { 'cache-control': 'no-store' }, body: '' })
  emitWarning(error instanceof Error ? error : String(error))
}
