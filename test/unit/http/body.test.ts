import { once } from 'node:events'
import { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import { expect, it } from 'vitest'
import { readText } from '../../../src/http/body.js'

const started = () => {
  const req = new IncomingMessage(new Socket())
  req.headers = { 'content-type': 'application/json', 'content-length': '100' }
  req.push('{')
  return req
}

it('is not waited for when the caller has hung up before it is read', async () => {
  const req = started()
  req.destroy()
  await once(req, 'close')
  await expect(readText(req, 'json', 1000)).rejects.toThrow('hung up')
})

it('is not waited for when the caller hangs up within it', async () => {
  const req = started()
  const read = readText(req, 'json', 1000)
  req.destroy()
  await expect(read).rejects.toThrow('hung up')
})
