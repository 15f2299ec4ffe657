import { loadConfig, readEnvironment } from '#bulla/config.js'
import { StartError } from '#bulla/start-error.js'
import type { Log } from '#bulla/store/log.js'
import { startDatabase } from '#bulla/store/start-database.js'

// Brings the database up to date: the embedded one, or that of DATABASE_URL. The server may run meanwhile.
const say = (details: object, message: string): void => {
  process.stderr.write(`${message} ${JSON.stringify(details)}\n`)
}
const log: Log = { debug: () => {}, info: say, warn: say, error: say }

try {
  const config = loadConfig(readEnvironment(), { masterKeyUnused: true })
  const database = await startDatabase(config, { kind: 'script', log, migrate: true })
  await database.close()
  for (const name of database.migrated) process.stdout.write(`Applied ${name}\n`)
  if (database.migrated.length === 0) process.stdout.write('The database is up to date.\n')
} catch (error) {
  if (!(error instanceof StartError)) throw error
  process.stderr.write(`${error.message}\n`)
  process.exitCode = 1
}
