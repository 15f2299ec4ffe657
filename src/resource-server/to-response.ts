import type { PlainAnswer } from './verifier.js'

/** An answer as the Fetch standard has it. */
export function toResponse({ status, headers, body }: PlainAnswer): Response {
  return new Response(body === '' ? null : body, { status, headers })
}
