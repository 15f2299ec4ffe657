// @ts-check
// One argon2 job at a time, in a process of its own: hashing then never competes with token requests for the
// event loop or the thread pool, and the system's scheduler puts it behind them.
import { existsSync, readdirSync } from 'node:fs'
import { getPriority, setPriority } from 'node:os'

// A signal to the process group (Ctrl-C, a supervisor's stop) is the parent's business: it drains, and needs this
// process until it disconnects. Hence before the import below, which takes a while.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => {})
process.on('disconnect', () => process.exit(0))

// On Linux a priority is a thread's. To load this file Node 20 has started threads already, and one of them will hash.
for (const thread of threads()) giveWay(thread)

/** Those of this process; 0, which means all of it, where they have no priority of their own. */
function threads() {
  return existsSync('/proc/self/task') ? readdirSync('/proc/self/task').map(Number) : [0]
}

/** @param {number} thread */
function giveWay(thread) {
  try {
    // Only ever upwards: a process that was started at a lower priority may not raise itself.
    setPriority(thread, Math.max(10, getPriority(thread)))
  } catch (error) {
    const { info } = /** @type {{ info?: { code?: string } }} */ (error)
    // It has ended meanwhile.
    if (info?.code !== 'ESRCH') throw error
  }
}

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
