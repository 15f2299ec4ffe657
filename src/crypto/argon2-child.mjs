// @ts-check
// One argon2 job at a time, in a process of its own: hashing then never competes with token requests for the
// event loop or the thread pool, and the system's scheduler puts it behind them.
import { getPriority, setPriority } from 'node:os'

// A signal to the process group (Ctrl-C, a supervisor's stop) is the parent's business: it drains, and needs this
// process until it disconnects. Hence before the import below, which takes a while.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => {})
process.on('disconnect', () => process.exit(0))

// Only ever upwards: a process that was started at a lower priority may not raise itself.
setPriority(Math.max(10, getPriority()))

const { hash, needsRehash, verify } = await import('argon2')

/**
 * @param {import('./argon2-gate.js').Argon2Job} job
 * @returns {Promise<import('./argon2-gate.js').Argon2Answer>}
 */
async function perform({ password, phc, cost }) {
  const options = { memoryCost: cost.memoryKiB, timeCost: cost.timeCost, parallelism: cost.parallelism }
  if (phc === undefined) return { phc: await hash(password, options) }
  const ok = await verify(phc, password)
  return { ok, rehash: ok && (!phc.startsWith('$argon2id$') || needsRehash(phc, options)) }
}

process.on('message', async (/** @type {import('./argon2-gate.js').Argon2Job} */ job) => {
  // What the parser says of a broken hash quotes it.
  const answer = await perform(job).catch((error) => ({
    error: error instanceof TypeError ? 'not a PHC string' : String(error?.message),
  }))
  process.send?.(answer)
})
