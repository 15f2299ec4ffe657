import { isUtf8 } from 'node:buffer'
import type { IncomingMessage } from 'node:http'
import { invalidRequest } from '../oauth/errors.js'
import { contentTooLarge, unsupportedMediaType } from './errors.js'

const MEDIA_TYPES = { form: 'application/x-www-form-urlencoded', json: 'application/json' } as const

// A body somewhat over the limit is read to its end and thrown away: who is still sending when we answer and close
// sees a reset connection instead of the 413.
const LINGER = 256 * 1024

/** The media type of a request in lower case, without its parameters; undefined when it names none. */
export function mediaType(contentType: string | undefined): string | undefined {
  return contentType?.split(';', 1)[0]?.trim().toLowerCase()
}

/**
 * Reads a body of one kind as text. Throws 415 for another media type, character set or any content coding, 413 above
 * `maxBytes`, and `invalid_request` when the bytes are not UTF-8 (overlong forms and surrogates included).
 */
export async function readText(req: IncomingMessage, kind: 'form' | 'json', maxBytes: number): Promise<string> {
  const { 'content-type': contentType, 'content-encoding': coding = 'identity' } = req.headers
  const expected = MEDIA_TYPES[kind]
  if (mediaType(contentType) !== expected) throw unsupportedMediaType(expected, 'unsupported_media_type')
  const charset = /;\s*charset\s*=\s*"?([^\s";]*)/i.exec(contentType ?? '')?.[1] ?? 'utf-8'
  if (!/^utf-?8$/i.test(charset)) throw unsupportedMediaType(expected, 'unsupported_charset')
  if (coding.toLowerCase() !== 'identity') throw unsupportedMediaType(expected, 'unsupported_content_coding')
  const bytes = await readBytes(req, maxBytes)
  if (!isUtf8(bytes)) throw invalidRequest('The body is not valid UTF-8.', 'malformed_utf8')
  return bytes.toString('utf8')
}

function readBytes(req: IncomingMessage, maxBytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    if (Number(req.headers['content-length'] ?? 0) > maxBytes + LINGER) throw contentTooLarge()
    const chunks: Buffer[] = []
    let size = 0
    let ended = false
    req.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size <= maxBytes) chunks.push(chunk)
      else chunks.length = 0
      if (size > maxBytes + LINGER) reject(contentTooLarge())
    })
    req.on('end', () => {
      ended = true
      if (size > maxBytes) reject(contentTooLarge())
      // Most bodies come in one piece.
      else resolve(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks))
    })
    req.on('error', reject)
    // Every request closes in the end; an error that nobody hears of would be made for each.
    const gone = () => ended || reject(new Error('The caller hung up.'))
    // A caller who hung up while the tenant was looked up is told of once, and that was before anybody listened.
    if (req.destroyed) gone()
    else req.on('close', gone)
  })
}

/** Whether a request still has a body on its connection, which then can't carry another request. */
export const bodyUnread = (req: IncomingMessage) => !req.complete && hasBody(req)

/** Whether a request came with a body that is not empty, RFC 9112 §6.3. */
export const hasBody = ({ headers }: Pick<IncomingMessage, 'headers'>) =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
