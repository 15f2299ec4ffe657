import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { brotliCompressSync, deflateSync } from 'node:zlib'
import { generateSigningKey } from '../../src/crypto/jwk.js'
import { signJws } from '../../src/crypto/jws.js'

const open: (() => Promise<void>)[] = []

/** Ends the issuers of a test. */
export async function closeFakeLists(): Promise<void> {
  await Promise.all(open.splice(0).map((close) => close()))
}

/** An issuer on this machine with status lists that say what a test wants. `now`: seconds since 1970. */
export async function fakeLists(now = () => 1_800_000_000) {
  const key = await generateSigningKey('ES256')
  const asked: { readonly path: string; readonly headers: IncomingMessage['headers'] }[] = []
  const server = createServer((request, response) => {
    asked.push({ path: request.url ?? '', headers: request.headers })
    lists.answer(request, response)
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const uriOf = (name: string) => `${issuer}/status-lists/${name}`
  const lst = (bytes: Uint8Array) => deflateSync(bytes).toString('base64url')

  const lists = {
    issuer,
    key,
    signedBy: key,
    asked,
    uriOf,
    lst,
    bits: 1,
    bytes: Buffer.alloc(2 ** 17),
    /** Members of the claims, and of the header, that are otherwise. */
    claims: {} as Record<string, unknown>,
    header: {} as Record<string, unknown>,
    revoke: (index: number) => {
      lists.bytes[index >> 3] = (lists.bytes[index >> 3] ?? 0) | (1 << (index & 7))
    },
    token(name: string): string {
      const iat = Math.floor(now())
      const times = { iat, exp: iat + 180, ttl: 15 }
      const list = { status_list: { bits: lists.bits, lst: lst(lists.bytes) } }
      const claims = { iss: issuer, sub: uriOf(name), ...times, ...list, ...lists.claims }
      return signJws({ typ: 'statuslist+jwt', ...lists.header }, claims, lists.signedBy)
    },
    /** What is asked for a list; a test may put its own in place. */
    answer(request: IncomingMessage, response: ServerResponse): void {
      lists.send(response, lists.token((request.url ?? '').split('/').at(-1) ?? ''))
    },
    send(response: ServerResponse, text: string, headers: Record<string, string> = {}): void {
      const coded = brotliCompressSync(text)
      response
        .writeHead(200, { 'content-type': 'application/statuslist+jwt', 'content-encoding': 'br', ...headers })
        .end(coded)
    },
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => void server.close(resolve))
    },
  }
  open.push(lists.close)
  return lists
}
