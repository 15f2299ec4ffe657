import { expect, it } from 'vitest'
import type { RevocationPage } from '../../../src/oauth/ports.js'
import { revocationList } from '../../../src/revocation/revocation-list.js'
import { ACME, DEFAULT_TENANT } from '../../support/app.js'

const entries = '[{"k":"jti","d":"abc","exp":9}]'
const page: RevocationPage = { cursor: '1.42', revision: 42, after: undefined, at: 1, more: false, first: 41, entries }
const entriesOf = (tenantId: string) => ({ ...page, cursor: `${tenantId}.42` })
const ports: Parameters<typeof revocationList>[2] = {
  now: () => 1_800_000_000.9,
  policy: { accessTokenLifetime: 300, grantLifetime: 1, grantIdleLifetime: 1, maxStaleness: 5 },
  jwtSigner: {
    keyId: async () => 'key-1',
    sign: async (tenant, header, payload) =>
      JSON.stringify({
        signedBy: tenant.id,
        header,
        payload: JSON.parse(Buffer.from(payload as Uint8Array).toString()),
      }),
  },
  revocations: {
    revokeToken: async () => {},
    revokeGrant: async () => 'nothing',
    judge: async () => 'live',
    snapshot: async (tenantId) => entriesOf(tenantId),
    since: async (tenantId, cursor) =>
      cursor === '1.40' ? { ...entriesOf(tenantId), after: 40, more: true } : 'reset',
    head: () => Promise.reject(new Error('Nobody asks.')),
    locate: () => undefined,
  },
}
const list = async (since?: string) => JSON.parse(await revocationList(DEFAULT_TENANT, since, ports))

it('signs all that is live, with its type, issuer, cursor and bound', async () => {
  expect(await list()).toEqual({
    signedBy: DEFAULT_TENANT.id,
    header: { typ: 'revocations+jwt' },
    payload: {
      iss: DEFAULT_TENANT.issuer,
      iat: 1_800_000_000,
      cursor: `${DEFAULT_TENANT.id}.42`,
      revision: 42,
      max_staleness: 5,
      entries: JSON.parse(entries),
    },
  })
})

it('says of a part that it is one, so that it never passes for the whole', async () => {
  expect((await list('1.40')).payload).toMatchObject({ since: '1.40', after: 40, more: true, revision: 42 })
  for (const claim of ['since', 'after', 'more', 'polled_at']) expect((await list()).payload).not.toHaveProperty(claim)
})

it('hands on that a cursor leads nowhere', async () => {
  expect(await revocationList(DEFAULT_TENANT, '1.1', ports)).toBe('reset')
})

/** A store whose readings end when they are told to, and count. */
function slowStore() {
  const under: (() => void)[] = []
  const begun: string[] = []
  const read = async (name: string) => {
    begun.push(name)
    await new Promise<void>((resolve) => under.push(resolve))
    return { ...page, cursor: `reading.${begun.length}` }
  }
  const revocations = {
    ...ports.revocations,
    snapshot: () => read('snapshot'),
    since: (_: string, cursor: string) => read(cursor),
  }
  const ask = async (since?: string, tenant = DEFAULT_TENANT): Promise<string> =>
    JSON.parse(await revocationList(tenant, since, { ...ports, revocations })).payload.cursor
  return { begun, ask, endNext: () => under.shift()?.() }
}

const settled = () => new Promise((resolve) => setImmediate(resolve))

it('is read once for all who ask together', async () => {
  const { begun, ask, endNext } = slowStore()
  const answers = Promise.all([ask(), ask(), ask()])
  await settled()
  expect(begun).toEqual(['snapshot'])
  endNext()
  expect(await answers).toEqual(['reading.1', 'reading.1', 'reading.1'])
})

it('is never a reading that began before it was asked for', async () => {
  const { begun, ask, endNext } = slowStore()
  const first = ask()
  await settled()
  const later = Promise.all([ask(), ask()])
  await settled()
  expect(begun).toEqual(['snapshot'])
  endNext()
  expect(await first).toBe('reading.1')
  await settled()
  expect(begun).toEqual(['snapshot', 'snapshot'])
  endNext()
  expect(await later).toEqual(['reading.2', 'reading.2'])
})

it('is another for another cursor, another tenant, and another store', async () => {
  const [one, other] = [slowStore(), slowStore()]
  const answers = Promise.all([one.ask(), one.ask('1.40'), one.ask('1.40', ACME), other.ask()])
  await settled()
  expect([one.begun, other.begun]).toEqual([['snapshot', '1.40', '1.40'], ['snapshot']])
  for (const store of [one, one, one, other]) store.endNext()
  await answers
})

it('is read again when a reading has failed, by those who wait for the next one', async () => {
  let readings = 0
  const revocations = {
    ...ports.revocations,
    snapshot: async () => {
      readings += 1
      if (readings === 1) throw new Error('Postgres is away.')
      return page
    },
  }
  const ask = () => revocationList(DEFAULT_TENANT, undefined, { ...ports, revocations })
  const first = ask()
  const failed = expect(first).rejects.toThrow('Postgres is away.')
  await Promise.resolve()
  await Promise.resolve()
  const second = ask()
  await failed
  expect(typeof (await second)).toBe('string')
  expect(readings).toBe(2)
})
