import { CorruptEnvelopeError, type Envelope, WrongMasterKeyError } from '../crypto/envelope.js'
import { openSecret } from './key-material.js'
import type { KeyStore } from './ports.js'

/** `wrong`: keys exist that this master key cannot open; `sealedWith` names theirs. New ones over them would orphan every token. */
export type MasterKeyCheck =
  | { readonly result: 'no_keys' | 'ok' }
  | { readonly result: 'wrong'; readonly sealedWith: string }

/** Tells at start whether this server's master key is the one the database's keys are sealed with. */
export async function verifyMasterKey(keys: Pick<KeyStore, 'samples'>, envelope: Envelope): Promise<MasterKeyCheck> {
  const samples = await keys.samples()
  for (const { tenantId, ...key } of samples) {
    try {
      openSecret(envelope, tenantId, key)
    } catch (error) {
      if (!(error instanceof WrongMasterKeyError || error instanceof CorruptEnvelopeError)) throw error
      return { result: 'wrong', sealedWith: key.masterKeyId }
    }
  }
  return { result: samples.length === 0 ? 'no_keys' : 'ok' }
}
