import type { Ports } from './ports.js'
import type { Api } from './records.js'

const MAX_KEYS = 32
const MAX_LENGTH = 64

/**
 * Notes which signing keys an API says it holds, RFC 7517 §4.5. It is told beside what the API came for, and so it refuses nobody: too
 * many or too long a name is passed over, and when it can't be kept the log says so.
 */
export async function noteKnownKeys(
  api: Api,
  kids: readonly string[],
  { knownKeys, log }: Pick<Ports, 'knownKeys' | 'log'>,
): Promise<void> {
  const named = [...new Set(kids.slice(0, MAX_KEYS))].filter((kid) => kid.length <= MAX_LENGTH)
  if (named.length === 0) return
  try {
    await knownKeys.note(api, named)
  } catch (err) {
    log.warn({ err, tenant: api.tenantId, api: api.id }, 'which keys an API holds could not be kept')
  }
}
