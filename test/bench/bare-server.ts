import { hash, timingSafeEqual } from 'node:crypto'
import { createServer, type IncomingMessage, type RequestListener } from 'node:http'
import { generateSigningKey } from '../../src/crypto/jwk.js'
import { encryptionKey, newApi, newTenant } from '../unit/keys/fixtures.js'
import type { Answer } from './http-load.js'
import { bareCrypto } from './primitives.js'

// What node:http alone does on this machine: it reads a request and gives the answer it was told, as a process of its own. Told of a
// token, it does what no server that makes one can leave out: it reads the form, hashes the caller's secret, does the token's
// cryptography, and writes an answer of the same size as JSON.

export type BareTask = {
  readonly answer: Answer
  readonly token?: { readonly kind: 'X25519' | 'P-256' | 'RSA'; readonly claims: Record<string, unknown> }
}

type Work = (request: IncomingMessage, body: string) => string

async function making({ kind, claims }: NonNullable<BareTask['token']>, { body }: Answer): Promise<Work> {
  const signing = await generateSigningKey('ES256')
  const algorithm = kind === 'RSA' ? { encryptionAlgorithm: 'RSA-OAEP-256' as const } : {}
  const recipient = encryptionKey(kind).publicJwk
  const cryptography = bareCrypto({ api: newApi(newTenant(), algorithm), claims, signing, recipient })
  const fields: Record<string, unknown> = JSON.parse(body)
  if (JSON.stringify(fields).length !== body.length) throw new Error(`Not the JSON that is written here:\n${body}`)
  let known: Buffer | undefined
  return ({ headers: { authorization = '' } }, form) => {
    const secret = hash('sha256', authorization, 'buffer')
    known ??= secret
    const isKnown = timingSafeEqual(secret, known)
    if (!isKnown || new URLSearchParams(form).get('grant_type') === null) throw new Error('Not what is asked for.')
    cryptography()
    return JSON.stringify(fields)
  }
}

process.once('message', async ({ answer, token }: BareTask) => {
  const { status, head, body } = answer
  const work = token && (await making(token, answer))
  // Those that Node writes itself are left to it; of a 304 there is no length.
  const own = /^(?:date|connection|keep-alive|transfer-encoding)$/i
  const headers = Object.fromEntries(
    head
      .split('\r\n')
      .slice(1)
      .map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()])
      .filter(([name = '']) => !own.test(name)),
  )
  const told: RequestListener = (request, response) => {
    // There is nothing to wait for: a request without a body is all there.
    if (request.method === 'GET') response.writeHead(status, headers).end(body)
    else request.resume().on('end', () => response.writeHead(status, headers).end(body))
  }
  const made =
    (make: Work): RequestListener =>
    (request, response) => {
      let form = ''
      request.setEncoding('utf8').on('data', (chunk: string) => {
        form += chunk
      })
      request.on('end', () => response.writeHead(status, headers).end(make(request, form)))
    }
  const server = createServer(work ? made(work) : told)
  // It has nothing to do while the others take their turns.
  server.keepAliveTimeout = 0
  server.listen(0, '127.0.0.1', () => {
    const address = server.address()
    process.send?.(typeof address === 'object' ? address?.port : undefined)
  })
})
// It ends with whoever started it.
process.on('disconnect', () => process.exit(0))
