import { expect, it } from 'vitest'
import type { Endings } from '../../../src/oauth/ending-ports.js'
import type { Grants, RefreshOutcome, Revocations, TokenClaims } from '../../../src/oauth/ports.js'
import { knownAtOnce } from '../../../src/revocation/at-once.js'
import { operator } from '../../support/fixtures.js'

const token = { claims: { jti: 'token-1' } as TokenClaims, place: undefined }
const ending = { reason: 'test', by: operator }
const refreshed = (result: string) => ({ result, generation: 1, sessionId: undefined }) as RefreshOutcome

/** Ports whose methods all answer the same, and what happened in which order. */
function setUp(answer: unknown) {
  const done: string[] = []
  const all = new Proxy(
    {},
    {
      get: (_, name) => async () => {
        done.push(String(name))
        return answer
      },
      ownKeys: () => ['refresh', 'revokeToken', 'revokeGrant', 'judge', 'endSession', 'endOtherSessions', 'endAccess'],
      getOwnPropertyDescriptor: () => ({ enumerable: true, configurable: true }),
    },
  )
  const ports = { grants: all as Grants, revocations: all as Revocations, endings: all as Endings }
  const wrapped = knownAtOnce(ports, async (tenantId) => {
    done.push('asked to catch up')
    // Who did not wait would answer before.
    await new Promise((resolve) => setImmediate(resolve))
    done.push(`${tenantId} is known`)
  })
  return { done, ...wrapped }
}
type Wrapped = ReturnType<typeof setUp>

const refresh = ({ grants }: Wrapped) =>
  grants.refresh({ tenantId: 'a', id: 'grant-1', generation: 0 }, { generation: 0, grace: 10, place: 0n }, operator)

it.each<{ name: string; answer: unknown; act: (ports: Wrapped) => Promise<unknown> }>([
  { name: 'revokeToken', answer: undefined, act: ({ revocations }) => revocations.revokeToken('a', token, operator) },
  { name: 'revokeGrant', answer: 'revoked', act: ({ revocations }) => revocations.revokeGrant('a', 'g', ending) },
  { name: 'revokeGrant', answer: 'nothing', act: ({ revocations }) => revocations.revokeGrant('a', 'g', ending) },
  { name: 'judge', answer: { dead: 'jti' }, act: ({ revocations }) => revocations.judge('a', token.claims, undefined) },
  { name: 'refresh', answer: refreshed('reused'), act: refresh },
  { name: 'refresh', answer: refreshed('revoked'), act: refresh },
  {
    name: 'endSession',
    answer: { result: 'ended' },
    act: ({ endings }) => endings.endSession('a', { id: 's', userId: 'u' }, ending),
  },
  {
    name: 'endOtherSessions',
    answer: 'ended',
    act: ({ endings }) => endings.endOtherSessions('a', { id: 's', userId: 'u' }, ending),
  },
  {
    name: 'endAccess',
    answer: 'nothing',
    act: ({ endings }) => endings.endAccess('a', { userId: 'u', clientId: 'c' }, ending),
  },
])('is known before the answer: $name, $answer', async ({ name, answer, act }) => {
  const all = setUp(answer)
  expect(await act(all)).toBe(answer)
  expect(all.done).toEqual([name, 'asked to catch up', 'a is known'])
})

it.each(['rotated', 'replayed', 'crowded', 'expired'])('a refresh that is %s waits for nothing', async (result) => {
  const all = setUp(refreshed(result))
  expect(await refresh(all)).toMatchObject({ result })
  expect(all.done).toEqual(['refresh'])
})

it('a token that Postgres finds live waits for nothing', async () => {
  const all = setUp('live')
  expect(await all.revocations.judge('a', token.claims, undefined)).toBe('live')
  expect(all.done).toEqual(['judge'])
})
