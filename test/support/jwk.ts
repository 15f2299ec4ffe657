import { generateKeyPairSync, type JsonWebKey } from 'node:crypto'

type KeyKind = 'P-256' | 'P-384' | 'X25519' | 'Ed25519' | { rsa: number; exponent?: number }

/** Generates a private JWK. Encoded by the generating call, because exporting later can freeze Node 20. */
export function newPrivateJwk(kind: KeyKind): JsonWebKey {
  const encodings = { publicKeyEncoding: { format: 'jwk' }, privateKeyEncoding: { format: 'jwk' } }
  const [type, options] =
    typeof kind === 'object'
      ? ['rsa', { modulusLength: kind.rsa, publicExponent: kind.exponent ?? 65537 }]
      : kind.startsWith('P-')
        ? ['ec', { namedCurve: kind }]
        : [kind.toLowerCase(), {}]
  // @types/node does not know that a JWK can be asked for.
  const pair = generateKeyPairSync(type as 'ec', { ...options, ...encodings } as never)
  return pair.privateKey as unknown as JsonWebKey
}

/** The public members of a JWK. */
export function publicJwk({ kty, crv, x, y, n, e }: JsonWebKey): JsonWebKey {
  return JSON.parse(JSON.stringify({ kty, crv, x, y, n, e }))
}
