import type { Envelope } from '../crypto/envelope.js'
import { generateSigningKey } from '../crypto/jwk.js'
import type { Log } from '../oauth/ports.js'
import type { Actor } from '../oauth/records.js'
import { assertMasterKey, generateKey } from './key-material.js'
import type { KeyGroup, KeyState, KeyStore, NewKey, TenantSchedule } from './ports.js'
import { isSigningPurpose, type Purpose } from './purpose.js'
import {
  dueSteps,
  type KeyLifetimes,
  type KeyStep,
  missingSteps,
  nextNumber,
  PUBLICATION_LEAD,
  planOf,
  REVOKED_KEY_KEPT,
  SKEW,
  serving,
} from './schedule.js'

export type RotateRequest = {
  /** Without it: every purpose that is published. */
  readonly purpose?: Purpose
  readonly algorithm?: string
  /** At once, instead of after the new key has been public long enough. Relying parties fetch the JWKS again. */
  readonly now: boolean
  /** Emergency: the new key is active at once and every other published one of its kind is revoked. */
  readonly revoke: boolean
}

export type Rotated = KeyGroup & {
  readonly key: string
  /** When it becomes active; undefined: it is. */
  readonly activatesAt: Date | undefined
  readonly revoked: readonly string[]
}

export type Rotation = {
  /** Makes the keys a tenant lacks; those of one group where it is named. Any number of processes make one. */
  ensure(tenantId: string, group?: KeyGroup): Promise<void>
  /**
   * Takes every step that is due, for all tenants. One tenant's failure is logged and stops no other's. Answers how many seconds the
   * oldest active key of each purpose has been in use: above the schedule, something keeps it from being replaced.
   */
  advance(): Promise<ReadonlyMap<Purpose, number>>
  /** What an operator asks for. Empty: no such key. Throws RangeError for `revoke` of what is not published. */
  rotate(tenantId: string, request: RotateRequest, by: Actor): Promise<readonly Rotated[]>
}

type RotationDeps = {
  readonly keys: KeyStore
  readonly envelope: Envelope
  readonly lifetimes: KeyLifetimes
  readonly log: Pick<Log, 'info' | 'error'>
  /** An RSA key takes a third of a second to make. */
  readonly newSigningKey?: typeof generateSigningKey
}

const SYSTEM: Actor = { kind: 'system' }

/** Makes, activates, retires and destroys keys. The schedule says what is due; the store lets one process do it. */
export function createRotation({
  keys,
  envelope,
  lifetimes,
  log,
  newSigningKey = generateSigningKey,
}: RotationDeps): Rotation {
  async function newKey({ tenantId, keys: states }: TenantSchedule, { purpose, algorithm }: KeyGroup): Promise<NewKey> {
    const number = nextNumber(states, purpose)
    // Nobody else could open what a process with a wrong master key adds to a tenant's keys.
    assertMasterKey(envelope, tenantId, await keys.load(tenantId))
    if (number === 'none_free') throw new Error(`All numbers of ${purpose} keys are taken: they rotate too often.`)
    return generateKey({ envelope, newSigningKey }, tenantId, { purpose, algorithm, number })
  }

  async function take(tenant: TenantSchedule, step: KeyStep): Promise<void> {
    const { tenantId } = tenant
    if (step.do === 'activate') {
      await keys.activate(tenantId, { id: step.id, atOnce: false, keep: step.keep }, SYSTEM)
    } else if (step.do === 'destroy') {
      await keys.destroy(tenantId, { id: step.id, keep: step.keep, slack: SKEW }, SYSTEM)
    } else {
      await keys.create(tenantId, { ...(await newKey(tenant, step)), ...step }, SYSTEM)
    }
  }

  async function replaceNow(tenant: TenantSchedule, group: KeyGroup, by: Actor): Promise<Rotated> {
    const key = await newKey(tenant, group)
    const reason = 'rotated in an emergency'
    const revoked = await keys.replace(tenant.tenantId, { key, keep: REVOKED_KEY_KEPT, reason }, by)
    return { ...group, key: key.id, activatesAt: undefined, revoked }
  }

  /** The next key of a group, made now where there is none. */
  async function nextOf(tenant: TenantSchedule, group: KeyGroup, by: Actor): Promise<KeyState> {
    const { next } = serving(tenant.keys, group)
    if (next) return next
    const { tenantId } = tenant
    await keys.create(tenantId, { ...(await newKey(tenant, group)), status: 'next', lead: PUBLICATION_LEAD }, by)
    const present = await keys.schedule(tenantId)
    const made = present && serving(present.keys, group).next
    if (!made) throw new Error(`The new ${group.purpose} key was taken into use by somebody else.`)
    return made
  }

  async function rotateGroup(
    tenant: TenantSchedule,
    group: KeyGroup,
    { now, revoke, by }: RotateRequest & { by: Actor },
  ): Promise<Rotated> {
    if (revoke) return replaceNow(tenant, group, by)
    const { id, activatesAt } = await nextOf(tenant, group, by)
    if (!now) {
      const due = await keys.hasten(tenant.tenantId, { id, lead: PUBLICATION_LEAD }, by)
      return { ...group, key: id, activatesAt: due ?? activatesAt, revoked: [] }
    }
    const { keep } = planOf(group.purpose, tenant.maxTokenLifetime, lifetimes)
    await keys.activate(tenant.tenantId, { id, atOnce: true, keep }, by)
    return { ...group, key: id, activatesAt: undefined, revoked: [] }
  }

  return {
    async ensure(tenantId, group) {
      const tenant = await keys.schedule(tenantId)
      if (!tenant || tenant.deletedAt) return
      // Beside each other: RSA keys are made off the event loop, and a new tenant waits for several.
      await Promise.all(missingSteps(tenant, lifetimes, group && [group]).map((step) => take(tenant, step)))
    },

    async advance() {
      const ages = new Map<Purpose, number>()
      let page = await keys.schedules(undefined)
      while (page.length > 0) {
        for (const tenant of page) {
          for (const { status, purpose, activatedAt } of tenant.keys) {
            if (status !== 'active' || !activatedAt) continue
            const age = (tenant.now.getTime() - activatedAt.getTime()) / 1000
            ages.set(purpose, Math.max(age, ages.get(purpose) ?? 0))
          }
          for (const step of dueSteps(tenant, lifetimes)) {
            await take(tenant, step).catch((err) =>
              log.error({ err, tenant: tenant.tenantId, step: step.do }, 'a step in the life of a key failed'),
            )
          }
        }
        page = await keys.schedules(page.at(-1)?.tenantId)
      }
      return ages
    },

    async rotate(tenantId, request, by) {
      const { purpose, algorithm, revoke } = request
      if (revoke && purpose && !isSigningPurpose(purpose)) throw new RangeError('Only published keys can be revoked.')
      const tenant = await keys.schedule(tenantId)
      if (!tenant) return []
      const isMeant = (key: KeyState) =>
        (key.status === 'active' || (key.status === 'next' && !serving(tenant.keys, key).active)) &&
        (purpose ? key.purpose === purpose : isSigningPurpose(key.purpose)) &&
        (algorithm === undefined || key.algorithm === algorithm) &&
        planOf(key.purpose, tenant.maxTokenLifetime, lifetimes).rotation !== undefined
      const rotated: Rotated[] = []
      for (const { purpose, algorithm } of tenant.keys.filter(isMeant)) {
        rotated.push(await rotateGroup(tenant, { purpose, algorithm }, { ...request, by }))
      }
      return rotated
    },
  }
}
