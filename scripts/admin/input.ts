import { isUtf8 } from 'node:buffer'
import { RefusedError } from './errors.js'

const MAX_BYTES = 65_536

/** The one line of standard input, its end left out. Throws RefusedError when it is none, or several. */
export async function readLine(what: string): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of process.stdin) {
    chunks.push(chunk)
    size += chunk.length
    if (size > MAX_BYTES) throw new RefusedError(`${what} on standard input is too long.`)
  }
  const bytes = Buffer.concat(chunks)
  // Else every broken byte became the same character, and different passwords one.
  if (!isUtf8(bytes)) throw new RefusedError(`${what} on standard input is not UTF-8.`)
  const line = bytes.toString().replace(/\r?\n$/, '')
  if (line === '') throw new RefusedError(`${what} is missing: give it on standard input, one line.`)
  if (/[\r\n]/.test(line)) throw new RefusedError(`${what} must be one line on standard input.`)
  return line
}
