// A process that uses the embedded Postgres of a data directory, told by messages what to do; run from an installation.
import pg from 'pg'
import { openEmbedded } from './dist/store/embedded/open.js'

const [dataDir, kind, port] = process.argv.slice(2)
const say = (details, message) => process.send?.({ log: message, details })
const log = { debug: say, info: say, warn: say, error: say }

try {
  const embedded = await openEmbedded({ dataDir, kind, port: Number(port), log })
  process.on('message', async ({ id, ask, text }) => {
    try {
      if (ask === 'close') {
        await embedded.close()
        process.send({ id })
        process.disconnect()
        return
      }
      const client = new pg.Client(embedded.connection)
      await client.connect()
      const { rows } = await client.query(text)
      await client.end()
      process.send({ id, rows })
    } catch (error) {
      process.send({ id, error: error.message })
    }
  })
  process.send({ ready: { ...embedded.connection, url: embedded.url } })
} catch (error) {
  process.stderr.write(`${error.name}: ${error.message}\n`)
  process.exitCode = 1
  process.disconnect()
}
