import { createHmac, createSecretKey, type KeyObject, randomBytes } from 'node:crypto'
import { decodeBase64url, encodeBase64url } from '../crypto/base64url.js'
import { constantTimeEqual } from '../crypto/equality.js'
import { sha256 } from '../crypto/sha256.js'

/** `ageing`: still good, and the next one is due. */
export type NonceVerdict = 'fresh' | 'ageing' | 'refused'

/** Nonces that nobody has to remember. RFC 9449 §9. */
export type DpopNonces = {
  /** The nonce to give out at `now` (seconds since 1970). */
  current(now: number): string
  judge(nonce: string, now: number): NonceVerdict
}

/** Seconds until the next nonce. */
const STEP = 60
/** Steps that a nonce serves after its own: with its own five minutes at most, four at least. */
const LATER_STEPS = 4
const MIN_SECRET_LENGTH = 32
const COUNTER_LENGTH = 6
const MAC_LENGTH = 16

/**
 * Makes and judges nonces: the number of their minute under a MAC, so processes with one secret accept each other's, and nobody can make
 * one for the future. `true`: a secret of this process. Throws TypeError. RFC 9449 §8, §8.1 and §11.3.
 */
export function createDpopNonces(secret: true | string): DpopNonces {
  const key = secret === true ? createSecretKey(randomBytes(32)) : keyOf(secret)

  const nonceOf = (step: number): string => {
    const counter = Buffer.alloc(COUNTER_LENGTH)
    counter.writeUIntBE(step, 0, COUNTER_LENGTH)
    const mac = createHmac('sha256', key).update(counter).digest().subarray(0, MAC_LENGTH)
    return encodeBase64url(Buffer.concat([counter, mac]))
  }

  return {
    current: (now) => nonceOf(stepOf(now)),
    judge(nonce, now) {
      const bytes = decodeBase64url(nonce)
      if (bytes?.length !== COUNTER_LENGTH + MAC_LENGTH) return 'refused'
      const step = bytes.readUIntBE(0, COUNTER_LENGTH)
      const age = stepOf(now) - step
      // One step early: another process's clock may be ahead.
      if (age < -1 || age > LATER_STEPS || !constantTimeEqual(nonce, nonceOf(step))) return 'refused'
      return age > 0 ? 'ageing' : 'fresh'
    },
  }
}

const stepOf = (now: number) => Math.floor(now / STEP)

function keyOf(secret: string): KeyObject {
  if (typeof secret !== 'string' || secret.length < MIN_SECRET_LENGTH) {
    throw new TypeError(
      `dpop.nonce needs a secret of at least ${MIN_SECRET_LENGTH} characters, or true where one process serves the API.`,
    )
  }
  // The name keeps a secret that has other uses from meaning the same in two of them.
  return createSecretKey(sha256(`dpop-nonce\n${secret}`))
}
