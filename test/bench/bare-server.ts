import { createServer } from 'node:http'
import { generateSigningKey } from '../../src/crypto/jwk.js'
import { encryptionKey, newApi, newTenant } from '../unit/keys/fixtures.js'
import type { Answer } from './http-load.js'
import { bareCrypto } from './primitives.js'

// What node:http alone does on this machine: it reads a request and gives the answer it was told, as a process of its own. If
// asked to, it does the cryptography of a sealed token before each, and throws the result away.

export type BareTask = { readonly answer: Answer; readonly claims?: Record<string, unknown> }

async function cryptography(claims: Record<string, unknown>): Promise<() => void> {
  const signing = await generateSigningKey('ES256')
  return bareCrypto({ api: newApi(newTenant()), claims, signing, recipient: encryptionKey('X25519').publicJwk })
}

process.once('message', async ({ answer: { status, head, body }, claims }: BareTask) => {
  const work = claims ? await cryptography(claims) : () => {}
  // Those that Node writes itself are left to it.
  const own = /^(?:date|connection|keep-alive|content-length)$/i
  const headers = head
    .split('\r\n')
    .slice(1)
    .map((line): [string, string] => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()])
    .filter(([name]) => !own.test(name))
  const fixed = { ...Object.fromEntries(headers), 'content-length': Buffer.byteLength(body) }
  const server = createServer((request, response) => {
    request.resume().on('end', () => {
      work()
      response.writeHead(status, fixed).end(body)
    })
  })
  server.listen(0, '127.0.0.1', () => {
    const address = server.address()
    process.send?.(typeof address === 'object' ? address?.port : undefined)
  })
})
// It ends with whoever started it.
process.on('disconnect', () => process.exit(0))
