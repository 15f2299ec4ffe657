import { expect, it } from 'vitest'
import type { RevocationPage } from '../../../src/oauth/ports.js'
import { revocationList } from '../../../src/revocation/revocation-list.js'
import { DEFAULT_TENANT } from '../../support/app.js'

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
