import type { KeyState } from '#bulla/keys/ports.js'
import { isSigningPurpose, type Purpose, SIGNING_PURPOSES } from '#bulla/keys/purpose.js'
import { createKeyStore } from '#bulla/store/keys.js'
import { command } from './command.js'
import { RefusedError, UsageError } from './errors.js'
import { openRotation } from './key-tools.js'
import { listing, table } from './output.js'

const PURPOSES: readonly Purpose[] = [...SIGNING_PURPOSES, 'kek', 'mac', 'permutation', 'cookie']

const purpose = (text: string | undefined): Purpose | undefined => {
  const found = PURPOSES.find((one) => one === text)
  if (text !== undefined && !found) throw new UsageError(`--purpose must be one of ${PURPOSES.join(', ')}.`)
  return found
}

function present(key: KeyState) {
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
  }
}

export const keyCommands = {
  list: command({
    summary: 'Lists the keys of the tenant, without anything secret.',
    options: { purpose: { value: 'P', help: `Of one purpose: ${PURPOSES.join(', ')}.` } },
    check: (given) => void purpose(given.purpose),
    async run(context, given) {
      const schedule = await createKeyStore(context.database.pool).schedule((await context.tenant()).id)
      const items = (schedule?.keys ?? []).filter((key) => !given.purpose || key.purpose === given.purpose).map(present)
      return listing('keys', { items, next: undefined }, [
        'key_id',
        'purpose',
        'algorithm',
        'status',
        'created_at',
        'activates_at',
      ])
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
    notes: ['Without --now the new key is published first and used when every cache of the keys has been renewed.'],
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
      return { json: { keys }, text: table(keys, ['key_id', 'purpose', 'algorithm', 'activates_at', 'revoked']) }
    },
  }),
}
