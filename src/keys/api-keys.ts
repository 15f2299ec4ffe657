import { parseEncryptionKeys } from '../crypto/jwk.js'
import type { Log } from '../oauth/ports.js'
import type { Actor, EncryptionAlgorithm } from '../oauth/records.js'

/** An API whose encryption keys are to be fetched, as one process has claimed it. */
export type ApiKeySource = {
  readonly tenantId: string
  readonly apiId: string
  readonly identifier: string
  readonly jwksUri: string
  readonly encryptionAlgorithm: EncryptionAlgorithm
  /** When it was claimed. Whoever claims it later makes this claim's answer void. */
  readonly claimedAt: Date
}

export type ApiKeyStore = {
  /** APIs whose keys were last asked for more than `interval` seconds ago; each goes to one process. */
  claimDue(interval: number, limit: number): Promise<readonly ApiKeySource[]>
  /** One API, due or not. Undefined: there is none, or it has no `jwks_uri`. */
  claim(tenantId: string, apiId: string): Promise<ApiKeySource | undefined>
  keep(source: ApiKeySource, jwks: unknown, by: Actor): Promise<'changed' | 'unchanged' | 'superseded'>
  /** The last good set stays; `reason` is for the operator. */
  failed(source: ApiKeySource, reason: string): Promise<void>
}

/** The guarded fetcher's part that is needed here. Its errors say why in words, and quote nothing of the answer. */
export type FetchJson = (
  url: string,
  options: { registeredBy: 'operator'; maxBytes: number; timeoutMs: number },
) => Promise<unknown>

export type ApiKeysFetched =
  | { readonly result: 'changed' | 'unchanged' | 'superseded' }
  | { readonly result: 'failed'; readonly reason: string }

type ApiKeyDeps = {
  readonly apiKeys: ApiKeyStore
  readonly fetchJson: FetchJson
  readonly log: Pick<Log, 'info' | 'warn'>
}

/** Seconds between two looks at an API's `jwks_uri`. */
export const API_KEYS_INTERVAL = 300

const MAX_BYTES = 65_536
const TIMEOUT_MS = 5_000
const AT_A_TIME = 8

/**
 * Fetches the key set of one claimed API and keeps it when the whole set is sound and one of its keys fits. Otherwise the last
 * good set stays and the reason is stored. RFC 7517 §5.
 */
export async function fetchApiKeys(
  source: ApiKeySource,
  { apiKeys, fetchJson, log }: ApiKeyDeps,
  by: Actor,
): Promise<ApiKeysFetched> {
  const about = { tenant: source.tenantId, api: source.apiId, identifier: source.identifier }
  const fetched = await fetchSound(source, fetchJson)
  if ('reason' in fetched) {
    log.warn({ ...about, reason: fetched.reason }, 'the encryption keys of an API could not be fetched')
    await apiKeys.failed(source, fetched.reason)
    return { result: 'failed', ...fetched }
  }
  const result = await apiKeys.keep(source, fetched.jwks, by)
  if (result === 'changed') log.info(about, 'an API has new encryption keys')
  return { result }
}

async function fetchSound(
  { jwksUri, encryptionAlgorithm }: ApiKeySource,
  fetchJson: FetchJson,
): Promise<{ jwks: unknown } | { reason: string }> {
  try {
    const options = { registeredBy: 'operator', maxBytes: MAX_BYTES, timeoutMs: TIMEOUT_MS } as const
    const jwks = await fetchJson(jwksUri, options)
    // RFC 8725 §3.5: one weak, private or symmetric key, and the set is not taken.
    const choice = parseEncryptionKeys(jwks, encryptionAlgorithm)
    return choice.ok ? { jwks } : { reason: choice.reason }
  } catch (error) {
    return { reason: error instanceof Error ? error.message : 'The fetch failed.' }
  }
}

/** Fetches the keys of every API that is due. Any number of processes share the work. */
export async function refreshDueApiKeys(deps: ApiKeyDeps): Promise<void> {
  for (;;) {
    const due = await deps.apiKeys.claimDue(API_KEYS_INTERVAL, AT_A_TIME)
    const done = await Promise.allSettled(due.map((source) => fetchApiKeys(source, deps, { kind: 'system' })))
    const broken = done.find((one) => one.status === 'rejected')
    if (broken) throw broken.reason
    if (due.length < AT_A_TIME) return
  }
}

/** Fetches the keys of one API because an operator asks. Undefined: it has no `jwks_uri`. */
export async function refreshApiKeys(
  { tenantId, apiId }: Pick<ApiKeySource, 'tenantId' | 'apiId'>,
  deps: ApiKeyDeps,
  by: Actor,
): Promise<ApiKeysFetched | undefined> {
  const source = await deps.apiKeys.claim(tenantId, apiId)
  return source && fetchApiKeys(source, deps, by)
}
