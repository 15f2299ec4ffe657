import { type ChildProcess, execFile, fork } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { getPriority } from 'node:os'
import { promisify } from 'node:util'
import { afterEach, expect, test, vi } from 'vitest'
import {
  type Argon2GateOptions,
  createArgon2Gate,
  forkArgon2Child,
  PasswordQueueFullError,
} from '../../../src/crypto/argon2-gate.js'
import { eventually } from '../../support/eventually.js'

const job = { password: 'correct horse', cost: { memoryKiB: 1024, timeCost: 2, parallelism: 1 } }
// Long enough to be met in the middle on any machine.
const slowJob = { password: 'correct horse', cost: { memoryKiB: 65_536, timeCost: 20, parallelism: 1 } }
const linux = process.platform === 'linux'

let opened: { close(): Promise<void> }[] = []
afterEach(async () => {
  await Promise.all(opened.map((gate) => gate.close()))
  opened = []
})

function open(options: Partial<Argon2GateOptions> = {}) {
  const children: ChildProcess[] = []
  const startChild = () => {
    const child = (options.startChild ?? forkArgon2Child)()
    children.push(child)
    return child
  }
  const gate = createArgon2Gate({ processes: 2, queueLimit: 100, ...options, startChild })
  opened.push(gate)
  return { gate, children }
}

const alive = (child: ChildProcess | undefined) => child !== undefined && child.exitCode === null && !child.signalCode
const ended = (child: ChildProcess | undefined) => eventually(() => expect(alive(child)).toBe(false))
const ready = (child: ChildProcess | undefined) =>
  eventually(() => expect(getPriority(child?.pid)).toBeGreaterThanOrEqual(10))

test('starts processes as jobs come, no more than it may, and keeps them', async () => {
  const { gate, children } = open({ processes: 2 })
  expect(children.length).toBe(0)
  await gate.run(job)
  await gate.run(job)
  expect(children.length).toBe(1)
  const answers = Array.from({ length: 20 }, () => gate.run(job))
  expect(gate.stats()).toEqual({ running: 2, queued: 18 })
  await Promise.all(answers)
  expect(children.length).toBe(2)
  expect(gate.stats()).toEqual({ running: 0, queued: 0 })
})

test('answers first come, first served', async () => {
  const { gate } = open({ processes: 1 })
  const order: number[] = []
  await Promise.all(Array.from({ length: 8 }, (_, i) => gate.run(job).then(() => order.push(i))))
  expect(order).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
})

test('refuses a job beyond the queue at once, and says when to come back', async () => {
  const { gate } = open({ processes: 1, queueLimit: 2 })
  const accepted = [gate.run(job), gate.run(job), gate.run(job)]
  const refused = await gate.run(job).catch((error) => error)
  expect(refused).toBeInstanceOf(PasswordQueueFullError)
  expect(refused.retryAfter).toBe(1)
  expect(gate.stats()).toEqual({ running: 1, queued: 2 })
  await Promise.all(accepted)
  await expect(gate.run(job)).resolves.toHaveProperty('phc')
})

test.each([
  { name: 'a later time when the queue is longer', queueLimit: 49, expected: 5 },
  { name: 'a minute at most', queueLimit: 700, expected: 60 },
])('names $name', async ({ queueLimit, expected }) => {
  const { gate } = open({ processes: 1, queueLimit })
  const accepted = Array.from({ length: queueLimit + 1 }, () => gate.run(job))
  await expect(gate.run(job)).rejects.toMatchObject({ retryAfter: expected })
  await Promise.all(accepted)
})

test('does the job again in a new process when the one that had it dies', async () => {
  const { gate, children } = open({ processes: 1 })
  const answer = gate.run(slowJob)
  await ready(children[0])
  children[0]?.kill('SIGKILL')
  await expect(answer).resolves.toHaveProperty('phc')
  expect(children.length).toBe(2)
})

test('fails a job over which two processes died, names the cause, and serves the next', async () => {
  const { gate, children } = open({ processes: 1 })
  const answer = gate.run(slowJob)
  const next = gate.run(job)
  const failed = expect(answer).rejects.toThrow('died: SIGKILL')
  children[0]?.kill('SIGKILL')
  await eventually(() => expect(children.length).toBe(2))
  children[1]?.kill('SIGKILL')
  await failed
  await expect(next).resolves.toHaveProperty('phc')
})

test('replaces a process that died while it was idle', async () => {
  const { gate, children } = open({ processes: 1 })
  await gate.run(job)
  children[0]?.kill('SIGKILL')
  await ended(children[0])
  await expect(gate.run(job)).resolves.toHaveProperty('phc')
  expect(gate.stats()).toEqual({ running: 0, queued: 0 })
})

test('fails a job whose process hangs, and frees its place', async () => {
  const { gate, children } = open({ processes: 1, jobTimeoutMs: 3000 })
  await gate.run(job)
  children[0]?.kill('SIGSTOP')
  await expect(gate.run(job)).rejects.toThrow('died: SIGKILL')
  await expect(gate.run(job)).resolves.toHaveProperty('phc')
})

test('fails the job when no process can be started at all, and recovers when one can', async () => {
  let broken = true
  const absent = () => fork('unused', { execPath: '/nonexistent/node', stdio: ['ignore', 'ignore', 'ignore', 'ipc'] })
  const { gate } = open({ processes: 1, startChild: () => (broken ? absent() : forkArgon2Child()) })
  await expect(gate.run(job)).rejects.toThrow('ENOENT')
  broken = false
  await expect(gate.run(job)).resolves.toHaveProperty('phc')
})

test('says that a hash can not be read without quoting it', async () => {
  const { gate } = open()
  for (const phc of ['c2VjcmV0', '$argon2id$v=19$m=1024,t=2,p=1$c2VjcmV0$c2VjcmV0$c2VjcmV0', '$argon2id$v=19']) {
    await expect(gate.run({ ...job, phc })).rejects.toThrow(/^argon2 refused: not a PHC string$/)
  }
})

test('finishes what it accepted when it is closed, refuses the rest, and leaves no process', async () => {
  const { gate, children } = open({ processes: 2 })
  const accepted = Array.from({ length: 6 }, () => gate.run(job))
  const closed = gate.close()
  await expect(gate.run(job)).rejects.toThrow('stopping')
  for (const answer of accepted) await expect(answer).resolves.toHaveProperty('phc')
  await closed
  expect(children.map(alive)).toEqual([false, false])
  await gate.close()
})

test('keeps working through the signals of a process group, at low priority', async () => {
  const { gate, children } = open({ processes: 1 })
  await gate.run(job)
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    const answer = gate.run(slowJob)
    children[0]?.kill(signal)
    await answer
  }
  expect(children.length).toBe(1)
  const low = Math.max(10, getPriority())
  expect(getPriority(children[0]?.pid)).toBe(low)
  // The one that hashes was there before the file was read that says so, on Node 20.
  const threads = linux ? readdirSync(`/proc/${children[0]?.pid}/task`).map(Number) : []
  expect(threads.map(getPriority)).toEqual(threads.map(() => low))
})

test.each([
  { name: 'waits for its hashes, and not for idle processes when it forgets to close', last: '' },
  { name: 'waits until all are gone when it closes', last: 'await gate.close()' },
])('a program $name', async ({ last }) => {
  const gate = new URL('../../../src/crypto/argon2-gate.ts', import.meta.url)
  const program = `import { createArgon2Gate } from ${JSON.stringify(gate)}
    const gate = createArgon2Gate({ processes: 1, queueLimit: 0 })
    await gate.run(${JSON.stringify(job)})
    await gate.run(${JSON.stringify(job)})
    ${last}
    console.log('hashed')`
  const options = ['--import', 'tsx', '--input-type=module', '--eval', program]
  const { stdout } = await promisify(execFile)(process.execPath, options, { timeout: 50_000 })
  expect(stdout.trim()).toBe('hashed')
})

test('a process ends with its parent, in the middle of a job too', async () => {
  const child = forkArgon2Child()
  child.send(slowJob)
  await ready(child)
  child.disconnect()
  await ended(child)
  expect(child.exitCode).toBe(0)
})

test('a process knows nothing of the environment and the arguments of its parent', async () => {
  vi.stubEnv('MASTER_KEY', 'not-for-children')
  const { gate, children } = open({ processes: 1 })
  await gate.run(job)
  vi.unstubAllEnvs()
  const [child] = children
  expect(child?.spawnargs.slice(1).map((argument) => argument.split('/').at(-1))).toEqual(['argon2-child.mjs'])
  if (!linux) return
  const environment = readFileSync(`/proc/${child?.pid}/environ`, 'utf8').split('\0').filter(Boolean)
  // The C library may have cut its own at the colon, in place.
  const names = environment.map((entry) => entry.split(/[=.]/)[0])
  const ours = names.filter((name) => !name?.startsWith('NODE_CHANNEL_') && name !== 'glibc')
  expect(ours).toEqual(['UV_THREADPOOL_SIZE', 'GLIBC_TUNABLES'])
})

test('bounds the memory of 500 attempts at once by the number of its processes', async () => {
  const { gate, children } = open({ processes: 2, queueLimit: 30 })
  const cost = { memoryKiB: 32_768, timeCost: 1, parallelism: 1 }
  const attempts = Array.from({ length: 500 }, () => gate.run({ ...job, cost }))
  expect(gate.stats()).toEqual({ running: 2, queued: 30 })
  const outcomes = await Promise.allSettled(attempts)
  expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(32)
  expect(children.length).toBe(2)
  if (!linux) return
  for (const { pid } of children) {
    const peakKiB = Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])
    // Node itself takes 40 to 60 MB; a second hash beside the first would show.
    expect(peakKiB).toBeLessThan(100_000 + cost.memoryKiB)
  }
})
