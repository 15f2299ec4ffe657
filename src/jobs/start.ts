import { type ApiKeyStore, type FetchJson, refreshDueApiKeys } from '../keys/api-keys.js'
import type { Ports } from '../oauth/ports.js'
import type { LogoutDeliveryJob } from './logout-delivery.js'
import type { Maintenance } from './ports.js'
import { type Job, type RunningJobs, runJobs } from './run.js'

export type JobDeps = Pick<Ports, 'log' | 'policy'> & {
  readonly rotation: { advance(): Promise<unknown> }
  readonly apiKeys: ApiKeyStore
  readonly fetchJson: FetchJson
  readonly maintenance: Maintenance
  readonly logoutDelivery: Pick<LogoutDeliveryJob, 'run'>
}

const MINUTE = 60
const HOUR = 3600
const DAY = 86_400

/** Full months of audit that are kept. */
const AUDIT_MONTHS = 13
/** A grant's partition is dropped at the end of the month it expired in. */
const LONGEST_MONTH = 32 * DAY
const TOMBSTONES_AT_A_TIME = 100

/** Starts what runs on a timer: the life of keys, partitions, the keys of APIs, tombstones, what clients are told of logouts. Every replica runs all of them, and of its workers one. */
export function startJobs(deps: JobDeps): RunningJobs {
  return runJobs(jobs(deps), deps.log)
}

function jobs({ rotation, apiKeys, fetchJson, maintenance, logoutDelivery, policy, log }: JobDeps): readonly Job[] {
  return [
    {
      name: 'keys',
      every: MINUTE,
      run: async () => {
        await rotation.advance()
        return undefined
      },
    },
    {
      name: 'partitions',
      every: HOUR,
      run: async () => {
        const about = { grantLifetime: policy.grantLifetime, auditMonths: AUDIT_MONTHS }
        const { made, dropped, postponed } = await maintenance.maintainPartitions(about)
        if (made + dropped > 0) log.info({ made, dropped }, 'partitions were made and dropped')
        return postponed > 0 ? MINUTE : undefined
      },
    },
    {
      // More often than an API is due, so that none is late by much.
      name: 'api_keys',
      every: MINUTE / 2,
      run: async () => {
        await refreshDueApiKeys({ apiKeys, fetchJson, log })
        return undefined
      },
    },
    {
      // For what ended in another process, an operator's say, and for what is tried again: where a session ends, it is told at once.
      name: 'logout_deliveries',
      every: 2,
      run: logoutDelivery.run,
    },
    {
      name: 'tombstones',
      every: HOUR,
      run: async () => {
        const keep = policy.grantLifetime + LONGEST_MONTH
        const removed = await maintenance.removeTombstones({ keep, batch: TOMBSTONES_AT_A_TIME })
        if (removed > 0) log.info({ removed }, 'tombstones were removed')
        return removed >= TOMBSTONES_AT_A_TIME ? MINUTE : undefined
      },
    },
  ]
}
