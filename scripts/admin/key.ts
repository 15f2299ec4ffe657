import { holdersOf, type KnownKey } from '#bulla/keys/known-keys.js'
import type { KeyState } from '#bulla/keys/ports.js'
import { isSigningPurpose, type Purpose, SECRET_PURPOSES, SIGNING_PURPOSES } from '#bulla/keys/purpose.js'
import { createKeyStore } from '#bulla/store/keys.js'
import { createKnownKeys } from '#bulla/store/known-keys.js'
import { command } from './command.js'
import { RefusedError, UsageError } from './errors.js'
import { openRotation } from './key-tools.js'
import { listing, table } from './output.js'

const PURPOSES: readonly Purpose[] = [...SIGNING_PURPOSES, ...SECRET_PURPOSES]

const purpose = (text: string | undefined): Purpose | undefined => {
  const found = PURPOSES.find((one) => one === text)
  if (text !== undefined && !found) throw new UsageError(`--purpose must be one of ${PURPOSES.join(', ')}.`)
  return found
}

/** Of a published key that signs access tokens: which APIs hold it. */
function holders(key: KeyState, told: readonly KnownKey[]) {
  if (key.purpose !== 'access_token' || key.revokedAt) return {}
  const { knownTo, unknownTo } = holdersOf(key.id, told)
  // Nobody needs to hear of a key that no new token is signed with.
  return { known_to: knownTo, unknown_to: key.status === 'retired' ? [] : unknownTo }
}

const warning = (kid: string, unknownTo: readonly string[]) =>
  `Warning: not told to hold the signing key ${kid}, though they tell which keys they hold: ${unknownTo.join(', ')}`

function present(key: KeyState, told: readonly KnownKey[]) {
  return {
    key_id: key.id,
    purpose: key.purpose,
    algorithm: key.algorithm,
    status: key.revokedAt ? 'revoked' : key.status,
    created_at: key.createdAt,
    activates_at: key.status === 'next' ? key.activatesAt : undefined,
    activated_at: key.activatedAt,
    retired_at: key.retiredAt,
    revoked_at: key.revokedAt,
    expires_at: key.expiresAt,
    ...holders(key, told),
  }
}

export const keyCommands = {
  list: command({
    summary: 'Lists the keys of the tenant, without anything secret.',
    options: { purpose: { value: 'P', help: `Of one purpose: ${PURPOSES.join(', ')}.` } },
    notes: [
      'known_to: the APIs that named the key when they read the revocation list, with ?kid=. It warns of those that name others, and',
      'not the one that signs or is to sign; of an API that names none nothing is known.',
    ],
    check: (given) => void purpose(given.purpose),
    async run(context, given) {
      const { id } = await context.tenant()
      const { pool } = context.database
      const [schedule, told] = await Promise.all([createKeyStore(pool).schedule(id), createKnownKeys(pool).list(id)])
      const keys = (schedule?.keys ?? []).filter((key) => !given.purpose || key.purpose === given.purpose)
      const items = keys.map((key) => present(key, told))
      const columns = ['key_id', 'purpose', 'algorithm', 'status', 'created_at', 'activates_at', 'known_to']
      const notes = items.flatMap(({ key_id, unknown_to = [] }) =>
        unknown_to.length > 0 ? [warning(key_id, unknown_to)] : [],
      )
      return { ...listing('keys', { items, next: undefined }, columns), notes }
    },
  }),

  rotate: command({
    summary: 'Puts new keys in the place of those in use.',
    options: {
      purpose: { value: 'P', help: `Of one purpose: ${PURPOSES.join(', ')}. Without: all whose keys are published.` },
      alg: { value: 'A', help: 'Of one algorithm.' },
      now: { help: 'At once, before everybody can have seen the new key.' },
      revoke: { help: 'In an emergency: at once, and every token signed with the old keys ends.' },
    },
    notes: [
      'Without --now the new key is published first and used when every cache of the keys has been renewed.',
      'It warns of APIs that tell which keys they hold and have not named the new one yet, and waits for none.',
    ],
    check(given) {
      const named = purpose(given.purpose)
      if (given.revoke && named && !isSigningPurpose(named)) {
        throw new UsageError(`--revoke is for keys that are published: ${SIGNING_PURPOSES.join(', ')}.`)
      }
    },
    async run(context, given) {
      const named = purpose(given.purpose)
      const request = {
        ...(named ? { purpose: named } : {}),
        ...(given.alg === undefined ? {} : { algorithm: given.alg }),
        now: given.now ?? false,
        revoke: given.revoke ?? false,
      }
      const { id, slug } = await context.tenant()
      const rotation = await openRotation(context)
      const rotated = await rotation.rotate(id, request, context.by)
      if (rotated.length === 0)
        throw new RefusedError(`The tenant ${slug} has no such key in use. \`admin key list\` names those there are.`)
      const keys = rotated.map(({ key, activatesAt, ...rest }) => ({ key_id: key, ...rest, activates_at: activatesAt }))
      const told = await createKnownKeys(context.database.pool).list(id)
      const notes = keys.flatMap(({ key_id, purpose }) => {
        const { unknownTo } = holdersOf(key_id, told)
        return purpose === 'access_token' && unknownTo.length > 0 ? [warning(key_id, unknownTo)] : []
      })
      return { json: { keys }, notes, text: table(keys, ['key_id', 'purpose', 'algorithm', 'activates_at', 'revoked']) }
    },
  }),
}
