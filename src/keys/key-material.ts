import { randomBytes } from 'node:crypto'
import { CorruptEnvelopeError, type Envelope } from '../crypto/envelope.js'
import {
  type generateSigningKey,
  importSigningKey,
  type PublicSigningJwk,
  type SigningAlgorithm,
  type SigningKey,
} from '../crypto/jwk.js'
import { randomToken } from '../crypto/secrets.js'
import type { KeyGroup, NewKey, StoredKey } from './ports.js'
import { isSigningPurpose, type Purpose } from './purpose.js'

type KeyPlace = KeyGroup & { readonly id: string; readonly number: number | undefined }

const SECRET_LENGTH = 32
const ID_LENGTH = 12

/** Makes a key of the group, its private part sealed for this one row. `number`: its id inside tokens, where it has one. */
export async function generateKey(
  { envelope, newSigningKey }: { readonly envelope: Envelope; readonly newSigningKey: typeof generateSigningKey },
  tenantId: string,
  { purpose, algorithm, number }: KeyGroup & { number: number | undefined },
): Promise<NewKey> {
  const { id, publicJwk, secret } = await generateMaterial(purpose, algorithm, newSigningKey)
  const key = { id, purpose, algorithm, number, publicJwk, masterKeyId: envelope.id }
  return { ...key, sealed: envelope.seal(secret, context(tenantId, key)) }
}

async function generateMaterial(
  purpose: Purpose,
  algorithm: string,
  newSigningKey: typeof generateSigningKey,
): Promise<{ id: string; publicJwk: PublicSigningJwk | undefined; secret: Buffer }> {
  if (!isSigningPurpose(purpose))
    return { id: randomToken(ID_LENGTH), publicJwk: undefined, secret: randomBytes(SECRET_LENGTH) }
  const { kid, publicJwk, pkcs8 } = await newSigningKey(algorithm as SigningAlgorithm)
  return { id: kid, publicJwk, secret: pkcs8 }
}

/** Opens the private part of a signing key. Throws WrongMasterKeyError, CorruptEnvelopeError; TypeError for another key's. */
export function openSigningKey(
  envelope: Envelope,
  tenantId: string,
  key: KeyPlace & { readonly sealed: Uint8Array },
): SigningKey {
  const opened = importSigningKey(openSecret(envelope, tenantId, key), key.algorithm as SigningAlgorithm)
  if (opened.kid !== key.id) throw new TypeError('The key is not the one its id names.')
  return opened
}

/** Opens a secret key. Throws WrongMasterKeyError, CorruptEnvelopeError. */
export function openSecret(
  envelope: Envelope,
  tenantId: string,
  key: KeyPlace & { readonly sealed: Uint8Array },
): Buffer {
  return envelope.open(key.sealed, context(tenantId, key))
}

/** Throws WrongMasterKeyError when any of a tenant's keys is under a master key this server was not given. */
export function assertMasterKey(envelope: Envelope, tenantId: string, keys: readonly StoredKey[]): void {
  for (const key of keys) {
    try {
      openSecret(envelope, tenantId, key)
    } catch (error) {
      if (!(error instanceof CorruptEnvelopeError)) throw error
    }
  }
}

/** Whoever can write the table cannot make a key serve another tenant, purpose, algorithm or number. */
function context(tenantId: string, { id, purpose, algorithm, number }: KeyPlace): string {
  return `tenants/${tenantId}/keys/${id}/${purpose}/${algorithm}/${number ?? ''}`
}
