import type { Envelope } from '#bulla/crypto/envelope.js'
import { openEnvelope as open, openRotation as rotationOf } from '#bulla/deps.js'
import type { Rotation } from '#bulla/keys/rotation.js'
import type { Context } from './context.js'

/** Opens private keys, with the master key of the environment or of the embedded database's folder. Throws StartError without the right one. */
export const openEnvelope = ({ config, database }: Context): Promise<Envelope> => open(config, database)

/** What makes, rotates and revokes keys. Throws StartError without the right master key. */
export async function openRotation(context: Context): Promise<Rotation> {
  const { config, database, log } = context
  return rotationOf(config, { pool: database.pool, envelope: await openEnvelope(context), log })
}
