import { MAX_TOKEN_LENGTH, WARN_TOKEN_LENGTH } from '../wire/access-token.js'
import type { Expectation, Findings } from './findings.js'
import { inspectJws } from './inspect-jws.js'
import { inspectSeal } from './inspect-seal.js'

/** Looks at a token as an API does, and goes on where an API would stop. RFC 9068 §4. */
export function inspectToken(token: string, expected: Expectation): Findings {
  const findings: Findings = { lines: [], wrong: [], notes: [] }
  const { lines, wrong, notes } = findings
  const parts = token.split('.').length
  if (parts !== 5 && parts !== 3) {
    const what = token === '' ? 'There is nothing to read' : 'This is no token that an API can read'
    wrong.push(
      `${what}: a sealed one has five parts between dots, a signed one three. It was cut off, or is a refresh token, which is for the client alone.`,
    )
    return findings
  }
  const isSealed = parts === 5
  lines.push(`${isSealed ? 'A sealed' : 'A signed'} token of ${token.length} characters.`)
  if (token.length > MAX_TOKEN_LENGTH) {
    wrong.push(`It is longer than ${MAX_TOKEN_LENGTH} characters, and nobody reads it: put less into it.`)
  } else if (token.length > WARN_TOKEN_LENGTH) {
    notes.push(`It is longer than ${WARN_TOKEN_LENGTH} characters, which some proxies refuse in a header.`)
  }
  if (!isSealed && expected.keys.length > 0) {
    wrong.push(
      'It is not sealed, and an API that has decryption keys refuses it: see with `admin api show` whether its format is "sealed".',
    )
  }
  const jws = isSealed ? inspectSeal(token, expected.keys, findings) : token
  if (jws !== undefined) inspectJws(jws, expected, findings)
  return findings
}
