import { parseJws, verifyJws } from '../crypto/jws.js'
import { TokenError } from '../crypto/token-error.js'
import { ACCESS_TOKEN_TYP, MAX_TOKEN_LENGTH, SIGNING_ALGORITHMS } from '../wire/access-token.js'
import type { Expectation, Findings } from './findings.js'
import { inspectClaims } from './inspect-claims.js'
import { fields } from './terminal-text.js'

/** Shows a signed token, and checks its signature where the issuer's keys are known. RFC 7515 §5.2, RFC 9068 §4. */
export function inspectJws(jws: string, expected: Expectation, findings: Findings): void {
  const { lines, wrong } = findings
  const parsed = parse(jws)
  if (!parsed) {
    return void wrong.push(
      'What is signed is not whole, or has a header that is never accepted: it was changed on its way, or another server made it.',
    )
  }
  const { header, payload } = parsed
  lines.push('', 'Signed', ...fields(header), '', 'Claims')
  if (typOf(header) !== ACCESS_TOKEN_TYP) {
    wrong.push(
      `Its typ is ${JSON.stringify(header['typ'] ?? null)} and not ${ACCESS_TOKEN_TYP}: it is no access token. The client must send the access_token, not an ID token.`,
    )
  }
  inspectClaims(payload, expected, findings)
  inspectSignature(jws, header, { expected, findings })
}

function parse(jws: string) {
  try {
    return parseJws(jws, MAX_TOKEN_LENGTH)
  } catch (error) {
    if (error instanceof TokenError) return undefined
    throw error
  }
}

type Context = { readonly expected: Expectation; readonly findings: Findings }

function inspectSignature(jws: string, header: Record<string, unknown>, { expected, findings }: Context): void {
  const { issuer, documents } = expected
  const { wrong, notes } = findings
  if (documents === undefined) {
    return void notes.push('The signature was not checked, so anybody may have made this: give the --issuer.')
  }
  if (typeof documents === 'string') return void wrong.push(`The signature was not checked. ${documents}`)
  try {
    const expectation = { typ: typOf(header), algorithms: SIGNING_ALGORITHMS, maxLength: MAX_TOKEN_LENGTH }
    verifyJws(jws, (kid) => documents.keys.get(kid), expectation)
    notes.push(`${issuer} has signed it. Whether it was revoked since then only introspection says.`)
  } catch (error) {
    if (!(error instanceof TokenError)) throw error
    if (error.reason === 'unknown_key') {
      const published = [...documents.keys.keys()].join(', ')
      wrong.push(
        `It is signed by the key ${header['kid']}, which ${issuer} does not publish (it publishes ${published}): the key was revoked, or another server made the token. Get a new one.`,
      )
    } else if (error.reason === 'bad_signature') {
      wrong.push(`The signature is not of ${issuer}: the token was changed or forged. Do not use it.`)
    } else {
      wrong.push(
        `It says that it is signed with ${header['alg']}, which its key is not for: it is forged. Do not use it.`,
      )
    }
  }
}

const typOf = ({ typ }: Record<string, unknown>) =>
  typeof typ === 'string' ? typ.toLowerCase().replace(/^application\//, '') : ''
