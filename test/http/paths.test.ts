import { expect, it } from 'vitest'
import { json } from '../../src/http/handler.js'
import type { Route } from '../../src/http/route.js'
import { testApp } from '../support/app.js'
import { overBothTransports } from '../support/http.js'

const GET = async () => json(200, { secret: true })
const routes: readonly Route<unknown>[] = [
  { name: 'grants', path: '/admin/grants', methods: { GET } },
  { name: 'metadata', path: '/.well-known/oauth-authorization-server', wellKnown: true, methods: { GET } },
]

overBothTransports('a path', (reach) => {
  const statusOf = async (path: string) => {
    const { raw } = await reach(testApp(routes, { deps: {} }))
    const answer = await raw(`GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`)
    expect(answer.includes('secret')).toBe(answer.startsWith('HTTP/1.1 200 '))
    return Number(answer.slice(9, 12))
  }

  it.each([
    '/admin/grants',
    '/admin/grants?',
    '/admin/grants?a=/x/..',
    '/t/acme/admin/grants',
    '/.well-known/oauth-authorization-server',
    '/.well-known/oauth-authorization-server/t/acme',
  ])('is found as %s', async (path) => {
    expect(await statusOf(path)).toBe(200)
  })

  it.each([
    '/admin/grants/',
    '//admin/grants',
    '/admin//grants',
    '/admin;x/grants',
    '/admin/grants;x',
    '/admin/./grants',
    '/x/../admin/grants',
    '/x/..;/admin/grants',
    '/x/%2e%2e/admin/grants',
    '/admin%2fgrants',
    '/%61dmin/grants',
    '/admin/grants%20',
    '/admin/grants.',
    '/admin/grants#x',
    '/Admin/grants',
    '/admin\\grants',
    '/admin/grants/x.css',
    '/t/ACME/admin/grants',
    '/t/acme;x/admin/grants',
    '/t/x/../acme/admin/grants',
    '/%',
  ])('is not found as %s', async (path) => {
    expect(await statusOf(path)).toBe(404)
  })
})
