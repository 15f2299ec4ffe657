import { request as httpRequest, type IncomingHttpHeaders } from 'node:http'
import type { Tenant } from '../../src/oauth/records.js'
import { DEFAULT_TENANT } from './app.js'
import { type Arrival, formOf, type TestBrowser } from './browser.js'
import type { BrowserApp } from './browser-app.js'

/** The cookie that holds all that a browser is known by at a tenant. */
export const browserCookie = ({ id }: Pick<Tenant, 'id'> = DEFAULT_TENANT) => `__Host-bulla.${id}`

/** What a page of ours sends along with a form, unless a test says otherwise. */
export const OWN_PAGE = { 'sec-fetch-site': 'same-origin', origin: 'https://id.example.com' }

/** Another browser that holds the same cookies: what a thief of them would have. */
export function copyOf(app: BrowserApp, browser: TestBrowser): TestBrowser {
  const copy = app.browser()
  for (const [name, value] of browser.cookies) copy.cookies.set(name, value)
  return copy
}

/** The csrf token of a page. */
export const csrfOf = ({ html }: Pick<Arrival, 'html'>): string => formOf(html).hidden['csrf'] ?? ''

/** Asks for a path that no URL parser has put in order before. */
export function askRaw(
  url: string,
  path: string,
  {
    method = 'GET',
    headers = {},
    body = '',
  }: { method?: string; headers?: Record<string, string>; body?: string } = {},
): Promise<{ status: number; headers: IncomingHttpHeaders; html: string }> {
  const { hostname, port } = new URL(url)
  return new Promise((resolve, reject) => {
    const length = body === '' ? {} : { 'content-length': String(Buffer.byteLength(body)) }
    const options = { hostname, port, path, method, headers: { ...length, ...headers }, maxHeaderSize: 200_000 }
    const request = httpRequest(options, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () => {
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          html: Buffer.concat(chunks).toString(),
        })
      })
      response.on('error', reject)
    })
    request.on('error', reject)
    request.end(body)
  })
}
