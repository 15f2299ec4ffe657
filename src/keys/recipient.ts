import { type EncryptionAlgorithm, type EncryptionKeyChoice, parseEncryptionKeys } from '../crypto/jwk.js'
import { invalidTarget } from '../oauth/errors.js'
import type { Log } from '../oauth/ports.js'
import type { Api } from '../oauth/records.js'
import type { Recipient } from '../wire/content-key.js'

/** Seconds that the last good key set of an API serves while its `jwks_uri` cannot be fetched. */
export const JWKS_OUTAGE_LIMIT = 86_400

/** Finds the key that tokens for an API are sealed for. Throws `invalid_target` and says in the log which API lacks what. */
export type FindRecipient = (api: Api) => Recipient

/** Chooses a key as `parseEncryptionKeys` does. */
export type ChooseKey = (jwks: unknown, alg: EncryptionAlgorithm) => EncryptionKeyChoice

/** Remembers what it read, by the identity of the key set: the view gives the same object until its owner changes. RFC 7517 §5. */
export function createChooseKey(): ChooseKey {
  const choices = new WeakMap<object, Map<EncryptionAlgorithm, EncryptionKeyChoice>>()
  return (jwks, alg) => {
    if (typeof jwks !== 'object' || jwks === null) return parseEncryptionKeys(jwks, alg)
    const known = choices.get(jwks) ?? new Map<EncryptionAlgorithm, EncryptionKeyChoice>()
    const choice = known.get(alg) ?? parseEncryptionKeys(jwks, alg)
    choices.set(jwks, known.set(alg, choice))
    return choice
  }
}

/** As `FindRecipient`, with a memory of its own. */
export function createFindRecipient({ log, now }: { log: Pick<Log, 'error'>; now: () => number }): FindRecipient {
  const choose = createChooseKey()
  return (api) => {
    const refuse = (reason: string, detail: string) => {
      const { tenantId: tenant, id, identifier } = api
      log.error({ tenant, api: id, identifier, reason, detail }, 'no token can be sealed for this API')
      return invalidTarget(reason)
    }
    if (!api.encryptionAlgorithm || !api.encryptionMethod) {
      throw refuse('api_without_encryption_algorithm', 'It is registered as sealed, without alg or enc.')
    }
    if (api.jwks === undefined || api.jwks === null) {
      throw refuse('api_without_encryption_key', 'It has no key set: paste one, or fetch it from its jwks_uri.')
    }
    if (api.jwksUri !== undefined && now() - (api.jwksFetchedAt?.getTime() ?? 0) / 1000 > JWKS_OUTAGE_LIMIT) {
      const since = api.jwksFetchedAt?.toISOString() ?? 'ever'
      throw refuse('api_encryption_keys_outdated', `No good key set came from its jwks_uri since ${since}.`)
    }
    const choice = choose(api.jwks, api.encryptionAlgorithm)
    if (!choice.ok) throw refuse('api_without_encryption_key', choice.reason)
    return { key: choice.key, enc: api.encryptionMethod }
  }
}
