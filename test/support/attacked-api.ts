import { CompactSign } from 'jose'
import { expect } from 'vitest'
import { encodeBase64url } from '../../src/crypto/base64url.js'
import type { SigningKey } from '../../src/crypto/jwk.js'
import { buildVerifier } from '../../src/resource-server/build-verifier.js'
import { VerifyError } from '../../src/resource-server/verify-error.js'
import { liveRevocations } from './live-revocations.js'
import { AUDIENCE, stubIssuer } from './stub-issuer.js'

/** Base64url of text, or of the JSON of anything else. */
export const part = (value: unknown) => encodeBase64url(typeof value === 'string' ? value : JSON.stringify(value))

/** A JWS of any header and payload, with a signature of any bytes. */
export const jws = (header: unknown, payload: unknown, signature: string | Uint8Array) =>
  `${part(header)}.${part(payload)}.${encodeBase64url(signature)}`

/** An API that knows its issuer, and what it makes of whatever it is sent. */
export async function attackedApi() {
  const stub = await stubIssuer()
  const { issuer, fetch, decryptionKeys } = stub
  const verifier = buildVerifier({ issuer, audience: AUDIENCE, decryptionKeys, fetch }, { follow: liveRevocations })
  await verifier.ready()
  const asked = stub.asked.length

  async function refusal(token: unknown): Promise<VerifyError> {
    try {
      await verifier.verify(token as string)
    } catch (error) {
      if (error instanceof VerifyError) return error
      throw error
    }
    throw new Error('The token was let in.')
  }

  const header = (change: object = {}) => ({ typ: 'at+jwt', alg: 'ES256', kid: stub.signing.kid, ...change })

  return {
    stub,
    verifier,
    header,
    /** Why it was refused, for the log; that everybody else hears the same of it, and nobody was asked, is asserted. */
    async reasonOf(token: unknown) {
      const { code, status, message, headers, reason } = await refusal(token)
      const metadata = 'https://orders.example/.well-known/oauth-protected-resource'
      expect({ code, status, message, challenge: headers['www-authenticate'] }).toEqual({
        code: 'invalid_token',
        status: 401,
        message: 'The access token is not valid.',
        challenge: expect.stringMatching(
          `^Bearer error="invalid_token", error_description="The access token is not valid.", resource_metadata="${metadata}"`,
        ),
      })
      expect(stub.asked.length).toBe(asked)
      return reason
    },
    /** Signed by the key of the issuer, or another, whatever is in it. */
    async genuine(change: object, payload: string | object = stub.claims(), key: SigningKey = stub.signing) {
      const bytes = new TextEncoder().encode(typeof payload === 'string' ? payload : JSON.stringify(payload))
      const critical = { crit: { exp: true, b64: true } as Record<string, boolean> }
      return new CompactSign(bytes).setProtectedHeader(header(change) as never).sign(key.privateKey, critical)
    },
  }
}
