// Serves the page, and the one API it calls. PORT, ISSUER, CLIENT_ID, API_ID and API_SECRET come from the environment.
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'

const { PORT = '5173', ISSUER = 'http://localhost:3000', CLIENT_ID = '', API_ID = '', API_SECRET = '' } = process.env
const read = (name) => readFileSync(new URL(name, import.meta.url))
const files = {
  '/': ['text/html; charset=utf-8', read('index.html')],
  '/app.js': ['text/javascript; charset=utf-8', read('app.js')],
  '/settings.json': ['application/json', JSON.stringify({ issuer: ISSUER, clientId: CLIENT_ID })],
}
const headers = {
  // Scripts of this origin alone, and calls to it and to the issuer: what cannot run cannot use a token.
  'content-security-policy': `default-src 'none'; script-src 'self'; connect-src 'self' ${ISSUER}; form-action 'none'; base-uri 'none'; frame-ancestors 'none'`,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
}

/** Who a token speaks of, by introspection (RFC 7662); an API in Node would use @bulla/resource-server. */
async function introspect(token) {
  const authorization = `Basic ${btoa(`${encodeURIComponent(API_ID)}:${encodeURIComponent(API_SECRET)}`)}`
  const body = new URLSearchParams({ token })
  const answer = await fetch(`${ISSUER}/oauth2/introspect`, { method: 'POST', headers: { authorization }, body })
  return answer.json()
}

async function answer({ url, headers: { authorization = '' } }) {
  if (files[url]) return [200, ...files[url]]
  if (url !== '/api/orders') return [404, 'text/plain', 'There is nothing here.']
  const { active, sub, scope = '' } = await introspect(authorization.replace(/^Bearer /, ''))
  if (!active) return [401, 'application/json', '{"error":"invalid_token"}']
  if (!scope.split(' ').includes('orders:read')) return [403, 'application/json', '{"error":"insufficient_scope"}']
  return [200, 'application/json', JSON.stringify({ user: sub, orders: ['a lamp', 'two chairs'] })]
}

createServer(async (request, response) => {
  const [status, type, body] = await answer(request).catch(() => [503, 'text/plain', 'The issuer is out of reach.'])
  response.writeHead(status, { ...headers, 'content-type': type }).end(body)
}).listen(Number(PORT), 'localhost', () => console.log(`The app is at http://localhost:${PORT}`))
