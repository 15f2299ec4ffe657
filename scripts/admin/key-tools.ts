import type { Envelope } from '#bulla/crypto/envelope.js'
import type { KeyGroup } from '#bulla/keys/ports.js'
import type { Rotation } from '#bulla/keys/rotation.js'
import { FIRST_KEYS } from '#bulla/keys/schedule.js'
import type { Context } from './context.js'

// A command that opens no private key doesn't wait for the server's wiring to load.

/** Opens private keys, with the master key of the environment or of the embedded database's folder. Throws StartError without the right one. */
export async function openEnvelope({ config, database }: Context): Promise<Envelope> {
  const deps = await import('#bulla/deps.js')
  return deps.openEnvelope(config, database)
}

/** What makes, rotates and revokes keys. Throws StartError without the right master key. */
export async function openRotation(context: Context): Promise<Rotation> {
  const { config, database, log } = context
  const deps = await import('#bulla/deps.js')
  return deps.openRotation(config, { pool: database.pool, envelope: await openEnvelope(context), log })
}

/** Makes the keys that were just asked for, as far as the tenant may lack them, so that they are published before they sign. */
export async function ensureKeys(context: Context, groups: readonly KeyGroup[]): Promise<void> {
  const further = groups.filter(
    ({ purpose, algorithm }) => !FIRST_KEYS.some((key) => key.purpose === purpose && key.algorithm === algorithm),
  )
  if (further.length === 0) return
  const rotation = await openRotation(context)
  const { id } = await context.tenant()
  for (const group of further) await rotation.ensure(id, group)
}
