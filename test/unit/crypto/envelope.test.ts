import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { CorruptEnvelopeError, createEnvelope, WrongMasterKeyError } from '../../../src/crypto/envelope.js'

const masterKey = randomBytes(32)
const envelope = createEnvelope(masterKey)
const secret = Buffer.from('a private key')
const CONTEXT = 'tenants/1/keys/a'

describe('an envelope', () => {
  it('opens what it sealed, in the place it was sealed for', () => {
    expect(envelope.open(envelope.seal(secret, CONTEXT), CONTEXT)).toEqual(secret)
    expect(envelope.open(envelope.seal(Buffer.alloc(0), ''), '')).toEqual(Buffer.alloc(0))
  })

  it('opens the bytes wherever they lie in memory', () => {
    const sealed = envelope.seal(secret, CONTEXT)
    const padded = new Uint8Array(sealed.length + 7)
    padded.set(sealed, 5)
    expect(envelope.open(padded.subarray(5, 5 + sealed.length), CONTEXT)).toEqual(secret)
  })

  it('refuses a value that was moved to another place', () => {
    expect(() => envelope.open(envelope.seal(secret, CONTEXT), 'tenants/2/keys/a')).toThrow(CorruptEnvelopeError)
  })

  it('refuses every changed byte and every truncation', () => {
    const sealed = envelope.seal(secret, CONTEXT)
    for (let at = 0; at < sealed.length; at++) {
      const changed = Buffer.from(sealed)
      changed.writeUInt8(changed.readUInt8(at) ^ 1, at)
      const isKeyId = at >= 1 && at <= 4
      expect(() => envelope.open(changed, CONTEXT)).toThrow(isKeyId ? WrongMasterKeyError : CorruptEnvelopeError)
      expect(() => envelope.open(sealed.subarray(0, at), CONTEXT)).toThrow(CorruptEnvelopeError)
    }
  })

  it('hides the text and never looks the same twice', () => {
    const sealed = envelope.seal(secret, CONTEXT)
    expect(sealed.includes(secret)).toBe(false)
    expect(envelope.seal(secret, CONTEXT)).not.toEqual(sealed)
  })

  it('names both keys when the master key is another', () => {
    const other = createEnvelope(randomBytes(32))
    const sealed = other.seal(secret, CONTEXT)
    expect(() => envelope.open(sealed, CONTEXT)).toThrow(WrongMasterKeyError)
    expect(() => envelope.open(sealed, CONTEXT)).toThrow(new RegExp(`${other.id}.*${envelope.id}`))
  })

  it('opens under a previous master key and tells what waits to be sealed again', () => {
    const rotated = createEnvelope(randomBytes(32), masterKey)
    const old = envelope.seal(secret, CONTEXT)
    expect(rotated.open(old, CONTEXT)).toEqual(secret)
    expect(rotated.isStale(old)).toBe(true)
    expect(rotated.isStale(rotated.seal(secret, CONTEXT))).toBe(false)
  })

  it('has an id that stays and tells nothing of the key', () => {
    expect(createEnvelope(masterKey).id).toBe(envelope.id)
    expect(envelope.id).toMatch(/^[0-9a-f]{8}$/)
    expect(masterKey.toString('hex')).not.toContain(envelope.id)
  })

  it('derives a key of its own for every purpose', () => {
    expect(envelope.deriveKey('throttle')).toEqual(createEnvelope(masterKey).deriveKey('throttle'))
    const keys = [envelope.deriveKey('throttle'), envelope.deriveKey('cookie'), envelope.deriveKey('id'), masterKey]
    expect(new Set(keys.map((key) => key.toString('hex'))).size).toBe(4)
    expect(envelope.deriveKey('id').toString('hex')).not.toContain(envelope.id)
  })

  it.each([0, 16, 31, 33])('refuses a master key of %i bytes', (length) => {
    expect(() => createEnvelope(Buffer.alloc(length))).toThrow(RangeError)
    expect(() => createEnvelope(masterKey, Buffer.alloc(length))).toThrow(RangeError)
  })
})
