import { execFile, spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'

const LOG = new URL('../../../src/http/log.ts', import.meta.url).href
const running = (program: string) => ['--import', 'tsx', '--input-type=module', '--eval', program]

it.each(['process.exit(0)', "Promise.reject(new Error('nobody foresaw this'))"])(
  'what a process was still to write is written when it ends: %s',
  async (end) => {
    const program = `
      const { createLog } = await import(${JSON.stringify(LOG)})
      const log = createLog('info')
      log.request({}, { n: 0 })
      await new Promise(setImmediate)
      for (let n = 1; n < 50; n++) log.request({}, { n })
      ${end}`
    const ended = await promisify(execFile)(process.execPath, running(program)).catch((error) => error)
    const lines = String(ended.stdout).trim().split('\n')
    // What is written last may come before what was just being written.
    const found = lines.map((line) => Number(JSON.parse(line).n)).sort((a, b) => a - b)
    expect(found).toEqual(Array.from({ length: 50 }, (_, n) => n))
  },
)

it('lines of several workers that share a pipe are whole, however slowly it is read', async () => {
  const program = (worker: number) => `
    const { createLog } = await import(${JSON.stringify(LOG)})
    const log = createLog('info', undefined, { worker: ${worker} })
    for (let n = 0; n < 3000; n++) {
      log.request({ route: 'x'.repeat(80) }, { n })
      if (n % 7 === 0) await new Promise(setImmediate)
    }`
  // A part of a page at a time: then one that has written a part of its piece waits behind the other.
  const slowly = `
    const { readSync } = require('node:fs')
    const [piece, never] = [Buffer.alloc(1000), new Int32Array(new SharedArrayBuffer(4))]
    let all = ''
    for (let read; (read = readSync(0, piece)) > 0; Atomics.wait(never, 0, 0, 0.1)) all += piece.latin1Slice(0, read)
    process.stdout.write(all)`
  const quoted = (words: readonly string[]) => words.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ')
  const [one, other] = [running(program(1)), running(program(2))].map((options) =>
    quoted([process.execPath, ...options]),
  )
  // By a shell: Node itself would give them a socket, not a pipe.
  const shell = spawn('sh', ['-c', `(${one} & ${other} & wait) | ${quoted([process.execPath, '-e', slowly])}`])
  const [stdout, stderr] = await Promise.all([text(shell.stdout), text(shell.stderr)])
  expect(stderr).toBe('')
  const read = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { worker: number; n: number })
  for (const worker of [1, 2]) {
    const own = read.filter((line) => line.worker === worker).map(({ n }) => n)
    expect(own).toEqual(Array.from({ length: 3000 }, (_, n) => n))
  }
})
