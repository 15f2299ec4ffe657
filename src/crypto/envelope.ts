import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'

const VERSION = 1
const KEY_ID_LENGTH = 4
const HEADER_LENGTH = 1 + KEY_ID_LENGTH
const NONCE_LENGTH = 12
const TAG_LENGTH = 16
const MASTER_KEY_LENGTH = 32

export type Envelope = {
  /** Names the current master key and tells nothing about it: 8 hex characters. */
  id: string
  /** Seals for this place only: `context` (such as `tenants/<id>/keys/<kid>`) must be given again to open. */
  seal(plaintext: Uint8Array, context: string): Buffer
  /** Opens what was sealed under the current or a previous master key. Throws WrongMasterKeyError, CorruptEnvelopeError. */
  open(sealed: Uint8Array, context: string): Buffer
  /** Tells whether a sealed value still waits to be sealed again under the current master key. */
  isStale(sealed: Uint8Array): boolean
  /** Derives 32 bytes for one server-wide purpose from the current master key. RFC 5869 §2. */
  deriveKey(label: string): Buffer
}

/** The value is under a master key this server was not given. */
export class WrongMasterKeyError extends Error {
  override readonly name = 'WrongMasterKeyError'
  readonly sealedWith: string
  readonly available: readonly string[]

  constructor(sealedWith: string, available: readonly string[]) {
    super(`The data is sealed with master key ${sealedWith}; this server has ${available.join(', ')}.`)
    this.sealedWith = sealedWith
    this.available = available
  }
}

/** The value is damaged, was moved to another place, or was never sealed here. */
export class CorruptEnvelopeError extends Error {
  override readonly name = 'CorruptEnvelopeError'

  constructor() {
    super('The sealed data is damaged or belongs elsewhere.')
  }
}

/**
 * Seals secrets at rest with AES-256-GCM: `version(1) | key id(4) | nonce(12) | text | tag(16)`, everything before the
 * nonce and the context authenticated. Previous master keys open but never seal. Throws RangeError for a key that is
 * not 32 bytes.
 */
export function createEnvelope(masterKey: Buffer, ...previous: readonly Buffer[]): Envelope {
  const current = masterKeyring(masterKey)
  const byId = new Map([...previous.map(masterKeyring), current].map((key) => [key.id, key]))

  return {
    id: current.id,
    seal(plaintext, context) {
      const header = Buffer.concat([Buffer.of(VERSION), Buffer.from(current.id, 'hex')])
      const nonce = randomBytes(NONCE_LENGTH)
      const cipher = createCipheriv('aes-256-gcm', current.sealingKey, nonce).setAAD(aad(header, context))
      return Buffer.concat([header, nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()])
    },
    open(sealed, context) {
      const { header, nonce, ciphertext, tag } = split(sealed)
      const id = keyIdOf(header)
      const key = byId.get(id)
      if (!key) throw new WrongMasterKeyError(id, [...byId.keys()])
      try {
        const decipher = createDecipheriv('aes-256-gcm', key.sealingKey, nonce, { authTagLength: TAG_LENGTH })
        decipher.setAAD(aad(header, context)).setAuthTag(tag)
        return Buffer.concat([decipher.update(ciphertext), decipher.final()])
      } catch {
        throw new CorruptEnvelopeError()
      }
    },
    isStale: (sealed) => keyIdOf(split(sealed).header) !== current.id,
    deriveKey: (label) => derive(masterKey, `derived:${label}`),
  }
}

function masterKeyring(masterKey: Buffer): { id: string; sealingKey: Buffer } {
  if (masterKey.length !== MASTER_KEY_LENGTH) throw new RangeError('A master key has 32 bytes.')
  return {
    id: derive(masterKey, 'id').toString('hex', 0, KEY_ID_LENGTH),
    sealingKey: derive(masterKey, 'envelope'),
  }
}

function derive(masterKey: Buffer, label: string): Buffer {
  return Buffer.from(hkdfSync('sha256', masterKey, '', `bulla/master-key/v1/${label}`, 32))
}

function aad(header: Uint8Array, context: string): Buffer {
  return Buffer.concat([header, Buffer.from(context)])
}

function keyIdOf(header: Buffer): string {
  return header.toString('hex', 1)
}

function split(sealed: Uint8Array) {
  const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength)
  if (bytes.length < HEADER_LENGTH + NONCE_LENGTH + TAG_LENGTH || bytes[0] !== VERSION) throw new CorruptEnvelopeError()
  return {
    header: bytes.subarray(0, HEADER_LENGTH),
    nonce: bytes.subarray(HEADER_LENGTH, HEADER_LENGTH + NONCE_LENGTH),
    ciphertext: bytes.subarray(HEADER_LENGTH + NONCE_LENGTH, -TAG_LENGTH),
    tag: bytes.subarray(-TAG_LENGTH),
  }
}
