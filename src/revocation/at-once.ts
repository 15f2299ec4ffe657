import type { Endings } from '../oauth/ending-ports.js'
import type { Ports } from '../oauth/ports.js'

type Ending = Pick<Ports, 'grants' | 'revocations'> & { readonly endings: Endings }

/**
 * The ports that end something, or find that it has ended: before they answer, `caughtUp` makes this process judge by it. A refresh
 * that goes well ends nothing and waits for nothing.
 */
export function knownAtOnce(
  { grants, revocations, endings }: Ending,
  caughtUp: (tenantId: string) => Promise<void>,
): Ending {
  const known =
    <Rest extends unknown[], Outcome>(end: (tenantId: string, ...rest: Rest) => Promise<Outcome>) =>
    async (tenantId: string, ...rest: Rest): Promise<Outcome> => {
      const outcome = await end(tenantId, ...rest)
      await caughtUp(tenantId)
      return outcome
    }
  return {
    grants: {
      ...grants,
      async refresh(grant, attempt, by) {
        const outcome = await grants.refresh(grant, attempt, by)
        // Revoked: another of many that came at once has found the reuse, and may still be waiting.
        if (outcome.result === 'reused' || outcome.result === 'revoked') await caughtUp(grant.tenantId)
        return outcome
      },
    },
    revocations: {
      ...revocations,
      // Also where there was nothing to end: another process may just have ended it.
      revokeToken: known(revocations.revokeToken),
      revokeGrant: known(revocations.revokeGrant),
      async judge(tenantId, ...about) {
        const verdict = await revocations.judge(tenantId, ...about)
        if (verdict !== 'live') await caughtUp(tenantId)
        return verdict
      },
    },
    endings: {
      ...endings,
      endSession: known(endings.endSession),
      endOtherSessions: known(endings.endOtherSessions),
      endAccess: known(endings.endAccess),
    },
  }
}
