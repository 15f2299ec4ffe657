import type { IncomingHttpHeaders } from 'node:http'
import { sha256Text } from '../crypto/sha256.js'
import type { HttpResponse } from './handler.js'

/** A public document that anybody may keep for `maxAge` seconds, with an ETag of its bytes, RFC 9110 §8.8.3. */
export function cacheable(body: string | Buffer, contentType: string, maxAge: number): HttpResponse {
  const etag = `"${sha256Text(body, 'base64url').slice(0, 22)}"`
  return {
    status: 200,
    headers: { 'content-type': contentType, 'cache-control': `public, max-age=${maxAge}`, etag },
    body,
  }
}

/** Makes the answer about a thing once. The thing is another object whenever the answer would be another. */
export function madeOnce<T extends object>(make: (about: T) => HttpResponse): (about: T) => HttpResponse {
  const made = new WeakMap<T, HttpResponse>()
  return (about) => {
    const known = made.get(about)
    if (known) return known
    const answer = { ...make(about), fixed: true }
    made.set(about, answer)
    return answer
  }
}

/** 304 in place of an answer that the caller already has, RFC 9110 §13.1.2; any other answer as it is. */
export function unlessMatching(response: HttpResponse, requestHeaders: IncomingHttpHeaders): HttpResponse {
  const wanted = requestHeaders['if-none-match']
  const { etag } = response.headers
  if (wanted === undefined || typeof etag !== 'string' || response.status !== 200) return response
  const had = wanted.split(',').map((one) => one.trim().replace(/^W\//, ''))
  if (!had.includes(etag) && wanted.trim() !== '*') return response
  return response.fixed ? unchanged(response) : notModified(response)
}

function notModified({ headers: { 'content-type': _, ...headers } }: HttpResponse): HttpResponse {
  return { status: 304, headers }
}

const unchanged = madeOnce(notModified)
