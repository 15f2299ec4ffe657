import type { VerifierOptions } from './options.js'
import { protectedResourceMetadata } from './protected-resource-metadata.js'
import { publicKeySet } from './public-key-set.js'
import type { PlainAnswer } from './verifier.js'

export type WellKnown = {
  /** Where the API's metadata is, for challenges. RFC 9728 §5.1. */
  readonly resourceMetadata: string | undefined
  /** What stands at a path; undefined where nothing does. */
  answer(path: string): PlainAnswer | undefined
}

const KEYS = '/.well-known/jwks.json'
// The server fetches the keys each five minutes: a rotation shows no later for being cached.
const KEYS_HEADERS = {
  'content-type': 'application/jwk-set+json',
  'cache-control': 'public, max-age=60',
  'access-control-allow-origin': '*',
}

/** The documents of an API: what it is and who protects it, and the keys to seal for it. RFC 9728 §3, RFC 7517 §5. */
export function wellKnownDocuments(options: VerifierOptions): WellKnown {
  const { audience, decryptionKeys } = options
  const origin = URL.canParse(audience) ? new URL(audience).origin : 'null'
  const jwksUri = decryptionKeys && origin !== 'null' ? { jwksUri: `${origin}${KEYS}` } : {}
  const metadata = protectedResourceMetadata({ ...options, ...jwksUri })
  const answers = new Map<string, PlainAnswer>()
  if (metadata) {
    const { headers, document, paths } = metadata
    for (const path of paths) answers.set(path, { status: 200, headers, body: JSON.stringify(document) })
  }
  if (decryptionKeys) {
    answers.set(KEYS, { status: 200, headers: KEYS_HEADERS, body: JSON.stringify(publicKeySet(decryptionKeys)) })
  }
  return { resourceMetadata: metadata?.url, answer: (path) => answers.get(path) }
}
