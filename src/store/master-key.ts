import { randomBytes } from 'node:crypto'
import { existsSync, lstatSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { StartError } from '../start-error.js'
import { ensureDataDir } from './embedded/home.js'
import { writeOnce } from './embedded/write-once.js'

/**
 * The generated master key of an embedded database: 32 bytes from DATA_DIR/master.key, which its owner alone can read.
 * `mayCreate`: whether to make one when there is none, which is right only while the database holds nothing encrypted.
 * Throws StartError when it is missing, or can't be a key.
 */
export function readOrCreateMasterKey(dataDir: string, { mayCreate }: { mayCreate: boolean }): Uint8Array {
  const path = join(ensureDataDir(dataDir), 'master.key')
  if (!existsSync(path)) {
    if (!mayCreate) {
      throw new StartError(
        `The master key ${path} is missing, and the database holds keys encrypted under it. Restore the file from a backup, ` +
          'or set MASTER_KEY to its content. If it is lost for good, remove the whole data directory to begin anew.',
      )
    }
    // Of two processes that get here at once one writes it, and both read that.
    writeOnce(path, `${randomBytes(32).toString('base64')}\n`)
  }
  if ((lstatSync(path).mode & 0o077) !== 0) {
    throw new StartError(
      `Others can read the master key ${path}: run \`chmod 600 ${path}\`, and consider it known to them.`,
    )
  }
  const key = Buffer.from(readFileSync(path, 'utf8').trim(), 'base64')
  if (key.length === 32) return key
  throw new StartError(`${path} doesn't hold a master key, 32 bytes in base64. Restore it from a backup.`)
}
