import { randomBytes } from 'node:crypto'
import { beforeEach, describe, expect, it } from 'vitest'
import { createEnvelope } from '../../../src/crypto/envelope.js'
import { createKeyring, type Remember } from '../../../src/keys/keyring.js'
import type { KeyStore } from '../../../src/keys/ports.js'
import type { Actor } from '../../../src/oauth/records.js'
import { memoryKeyStore } from '../../support/key-memory.js'
import { keyProcess, recordingLog } from '../../support/keys.js'

const TENANT = 'tenant-1'
const OPERATOR: Actor = { kind: 'operator' }
const KEK = { purpose: 'kek', algorithm: 'A256KW' } as const

describe('a keyring', () => {
  const clock = { time: 0 }
  const envelope = createEnvelope(randomBytes(32))
  let keys: KeyStore
  let loads: number
  let remembered: Promise<unknown> | undefined

  const remember: Remember = (_, load) => {
    remembered ??= load()
    return remembered as ReturnType<typeof load>
  }
  /** The process under test, and another one that makes changes it has not heard of. */
  const start = () => {
    const { rotation } = keyProcess(keys, { envelope })
    const counting = {
      load: (tenantId: string) => {
        loads++
        return keys.load(tenantId)
      },
    }
    const now = () => clock.time
    const log = recordingLog()
    const keyring = createKeyring({ keys: counting, envelope, remember, ensure: rotation.ensure, log, now })
    return { keyring, rotation }
  }

  beforeEach(() => {
    clock.time = 1_800_000_000
    keys = memoryKeyStore(clock)
    loads = 0
    remembered = undefined
  })

  it('opens keys once for as long as the view remembers them', async () => {
    const { keyring, rotation } = start()
    await rotation.ensure(TENANT)
    for (let i = 0; i < 5; i++) await keyring.active(TENANT, KEK, (all) => all.kek())
    expect(loads).toBe(1)
    remembered = undefined
    await keyring.active(TENANT, KEK, (all) => all.kek())
    expect(loads).toBe(2)
  })

  it('makes the keys of a tenant that has none', async () => {
    const { keyring } = start()
    expect((await keyring.active(TENANT, KEK, (all) => all.kek())).key).toHaveProperty('symmetricKeySize', 32)
    const again = await keyring.active(TENANT, KEK, (all) => all.kek())
    expect(again.id).toBe(0)
  })

  it('finds a key that another process made since', async () => {
    const { keyring, rotation } = start()
    await rotation.ensure(TENANT)
    await keyring.all(TENANT)
    await rotation.rotate(TENANT, { purpose: 'kek', now: true, revoke: false }, OPERATOR)
    expect((await keyring.find(TENANT, (all) => all.kek(1)))?.id).toBe(1)
  })

  it('looks no more than once a second for keys that nobody made', async () => {
    const { keyring, rotation } = start()
    await rotation.ensure(TENANT)
    await Promise.all(Array.from({ length: 50 }, (_, n) => keyring.find(TENANT, (all) => all.kek(1000 + n))))
    expect(loads).toBe(2)
    clock.time += 1
    expect(await keyring.find(TENANT, (all) => all.kek(5))).toBeUndefined()
    expect(loads).toBe(3)
  })

  it('asks again after a look that failed', async () => {
    const { keyring, rotation } = start()
    await rotation.ensure(TENANT)
    await keyring.all(TENANT)
    const { load } = keys
    keys.load = () => Promise.reject(new Error('no database'))
    await expect(keyring.find(TENANT, (all) => all.kek(9))).rejects.toThrow('no database')
    keys.load = load
    expect(await keyring.find(TENANT, (all) => all.kek(9))).toBeUndefined()
  })
})
