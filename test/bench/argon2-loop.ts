import { existsSync, readdirSync } from 'node:fs'
import { setPriority } from 'node:os'
import { hash, verify } from 'argon2'

// argon2 and nothing else, in a process of its own, at the priority that the server gives to it: anything higher would measure how
// much room the other programs on this machine leave. On Linux a priority is a thread's, and the one that hashes is there already.
const threads = existsSync('/proc/self/task') ? readdirSync('/proc/self/task').map(Number) : [0]
for (const thread of threads) setPriority(thread, 10)

export type Argon2Turn = {
  readonly cost: { memoryCost: number; timeCost: number; parallelism: number }
  readonly milliseconds: number
}

const PASSWORD = 'correct horse battery staple'
let phc: string | undefined

process.on('message', async ({ cost, milliseconds }: Argon2Turn) => {
  phc ??= await hash(PASSWORD, cost)
  const started = performance.now()
  let count = 0
  for (; performance.now() < started + milliseconds; count++) {
    if (!(await verify(phc, PASSWORD))) throw new Error('argon2 refuses the right password.')
  }
  process.send?.({ count, clock: (performance.now() - started) / 1000 })
})
process.on('disconnect', () => process.exit(0))
