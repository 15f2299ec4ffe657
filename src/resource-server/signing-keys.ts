import type { VerificationKey } from '../crypto/jwk.js'

/** The issuer's public keys: the last good set, renewed in the background. */
export type SigningKeys = {
  /** Undefined too for a key that was revoked. */
  find(kid: string): VerificationKey | undefined
  /** Of the keys that are held. */
  kids(): readonly string[]
  /**
   * Asks the issuer again: one request whoever waits, and after one that succeeded none for the length of the cool-down unless `urgent`.
   * Resolves to whether what is held is what the issuer has now; never rejects.
   */
  refresh(options?: { readonly urgent?: boolean }): Promise<boolean>
  /** Calls back after the set has changed. */
  onChange(listener: () => void): void
}
