import type { IncomingMessage } from 'node:http'
import { FetchError } from './fetch-error.js'

const MAX_HEADER_FIELDS = 100

export interface ReadOptions {
  maxBytes: number
  accept: string[]
}

/** The JSON of an answer, once its head is as it must be. Throws FetchError, or the connection's error. RFC 9110 §15.3.1, RFC 8259 §8.1. */
export async function readJson(response: IncomingMessage, { maxBytes, accept }: ReadOptions): Promise<unknown> {
  if (response.statusCode !== 200) throw new FetchError('status_refused', String(response.statusCode))
  if (response.rawHeaders.length > MAX_HEADER_FIELDS * 2) throw new FetchError('headers_too_large')
  const { 'content-encoding': encoding = 'identity', 'content-type': type = '' } = response.headers
  // Asked for without: an answer that is compressed all the same may be a bomb.
  if (encoding.toLowerCase() !== 'identity') throw new FetchError('content_encoding_refused')
  if (!accept.some((wanted) => matches(mediaType(type), wanted))) throw new FetchError('content_type_refused')
  if (Number(response.headers['content-length'] ?? 0) > maxBytes) throw new FetchError('too_large')
  const body = await readBody(response, maxBytes)
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body))
  } catch {
    throw new FetchError('not_json')
  }
}

async function readBody(response: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of response) {
    size += chunk.length
    if (size > maxBytes) throw new FetchError('too_large')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

function mediaType(field: string): string {
  return (field.split(';')[0] ?? '').trim().toLowerCase()
}

function matches(type: string, wanted: string): boolean {
  const [before, after] = wanted.split('*')
  if (after === undefined) return type === wanted
  return type.length > wanted.length - 1 && type.startsWith(before ?? '') && type.endsWith(after)
}
