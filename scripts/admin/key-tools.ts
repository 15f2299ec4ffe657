import type { Envelope } from '#bulla/crypto/envelope.js'
import type { Rotation } from '#bulla/keys/rotation.js'
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
