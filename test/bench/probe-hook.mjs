// @ts-check
// Loaded into a server before its own code (`--import`): answers questions about the process over a socket, which the server knows
// nothing of. `PROBE` is the socket's path.
import { Session } from 'node:inspector/promises'
import { createServer } from 'node:net'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setFlagsFromString, writeHeapSnapshot } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')
const gc = runInNewContext('gc')
const session = new Session()
session.connect()
const delay = monitorEventLoopDelay({ resolution: 1 })

/** @type {Record<string, (argument: string) => unknown>} */
const answers = {
  memory: () => process.memoryUsage(),
  collect() {
    // What the first frees may keep something else alive until the second.
    gc()
    gc()
    return process.memoryUsage()
  },
  snapshot: (path) => writeHeapSnapshot(path),
  async profile() {
    await session.post('Profiler.enable')
    await session.post('Profiler.setSamplingInterval', { interval: 500 })
    await session.post('Profiler.start')
  },
  profiled: async () => (await session.post('Profiler.stop')).profile,
  delay() {
    delay.reset()
    delay.enable()
  },
  delayed() {
    delay.disable()
    return { p50: delay.percentile(50) / 1e6, p99: delay.percentile(99) / 1e6, max: delay.max / 1e6 }
  },
}

const server = createServer((socket) => {
  socket.setEncoding('utf8').once('data', async (question) => {
    const [name = '', argument = ''] = String(question).trim().split(' ')
    socket.end(JSON.stringify((await answers[name]?.(argument)) ?? null))
  })
})
server.listen(process.env['PROBE'])
server.unref()
