import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { bodyChunks } from '../../../src/resource-server/body-chunks.js'
import { createIssuerHttp } from '../../../src/resource-server/issuer-http.js'
import { eventually } from '../../support/eventually.js'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void
const turn = () => new Promise((resolve) => setTimeout(resolve, 5))

let server: Server
let url: string

beforeAll(async () => {
  // Begins, and says nothing more.
  server = createServer((_, response) => void response.writeHead(200).write('first'))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
})

const connections = () => new Promise<number>((resolve) => server.getConnections((_, count) => resolve(count)))

it('ends a body that says nothing more, after the garbage was collected too, and its connection', async () => {
  for (let n = 0; n < 5; n++) {
    const { signal, abort } = ((controller) => ({ signal: controller.signal, abort: () => controller.abort() }))(
      new AbortController(),
    )
    const { body } = await createIssuerHttp(url).open(url, { timeout: 20_000, signal })
    if (!body) throw new Error('There is no body.')
    const heard: string[] = []
    const reading = (async () => {
      for await (const chunk of bodyChunks(body, signal)) heard.push(Buffer.from(chunk).toString())
    })()
    await eventually(() => expect(heard).toEqual(['first']))
    for (let k = 0; k < 5; k++) {
      collectGarbage()
      await turn()
    }
    abort()
    await expect(reading).rejects.toThrow('aborted')
  }
  await eventually(async () => expect(await connections()).toBe(0))
})

it('ends the connection of a body that nobody reads to its end', async () => {
  const { signal } = new AbortController()
  const { body } = await createIssuerHttp(url).open(url, { timeout: 20_000, signal })
  if (!body) throw new Error('There is no body.')
  for await (const chunk of bodyChunks(body, signal)) {
    expect(chunk.length).toBe(5)
    break
  }
  await eventually(async () => expect(await connections()).toBe(0))
})
