import type { Requirement } from '../requirement.js'

const TOKEN = 'test/http/token.test.ts'
const CLIENT_AUTH = 'test/unit/oauth/client-auth.test.ts'
const BASIC = 'test/unit/oauth/basic-credentials.test.ts'
const REFRESH = 'test/unit/oauth/grants/refresh-token.test.ts'
const CLIENT_CREDENTIALS = 'test/unit/oauth/grants/client-credentials.test.ts'

/** Client authentication, the token endpoint and its two grants. */
export const tokenEndpoint: readonly Requirement[] = [
  {
    id: 'RFC6749-2.3-one-method',
    source: 'RFC 6749 §2.3',
    level: 'MUST',
    text: 'A request uses one method of client authentication; with two it is malformed.',
    shownBy: [
      `${TOKEN} › two ways to authenticate at once, RFC 6749 §2.3`,
      `${CLIENT_AUTH} › refuses two methods at once: $name`,
    ],
  },
  {
    id: 'RFC6749-2.3.1-basic',
    source: 'RFC 6749 §2.3.1',
    level: 'MUST',
    text: 'HTTP Basic is understood from clients that have a secret, both halves form-decoded.',
    shownBy: [
      `${BASIC} › decodes the base64 and then both halves as a form does`,
      `${BASIC} › reads back whatever printable id and secret a client encodes`,
    ],
  },
  {
    id: 'OAUTH21-2.4.1-post',
    source: 'draft-ietf-oauth-v2-1-15 §2.4.1',
    level: 'MUST',
    text: 'A secret in the body is understood wherever secrets are issued.',
    shownBy: [`${TOKEN} › a client that sends its secret in the body, and a refresh of a public one`],
  },
  {
    id: 'RFC6749-2.3.1-url',
    source: 'RFC 6749 §2.3.1',
    level: 'MUST',
    text: 'Credentials are taken from the body, never from the URL.',
    shownBy: [`${TOKEN} › a secret in the URL, and does not log it, RFC 6749 §2.3.1`],
  },
  {
    id: 'RFC6749-2.3.1-guessing',
    source: 'RFC 6749 §2.3.1',
    level: 'MUST',
    text: 'Secrets are protected against guessing.',
    shownBy: [
      `${TOKEN} › an address that failed too often, with 429 and Retry-After`,
      'test/store/throttle.test.ts › is counted by address alone, apart from sign-in',
    ],
  },
  {
    id: 'RFC6749-10.10-entropy',
    source: 'RFC 6749 §10.10',
    level: 'MUST',
    text: 'What is generated is guessed with a probability of 2^-128 at most.',
    shownBy: [
      'test/unit/crypto/primitives.test.ts › are 256 random bits in 43 characters unless told otherwise',
      'test/unit/oauth/refresh-token.test.ts › has the layout of the design, byte for byte',
    ],
  },
  {
    id: 'RFC9110-11.4-authorization',
    source: 'RFC 9110 §11.4',
    level: 'MUST',
    text: 'One Authorization header of one scheme, spaces and nothing else, and one token68.',
    shownBy: [`${BASIC} › refuses $name`, `${TOKEN} › two Authorization headers`],
  },
  {
    id: 'RFC6749-A-vschar',
    source: 'RFC 6749 §A.1',
    level: 'MUST',
    text: 'Ids and secrets are of printable ASCII characters.',
    shownBy: [`${BASIC} › refuses $name`],
  },
  {
    id: 'RFC6750-3-challenge',
    source: 'RFC 6750 §3',
    level: 'MUST',
    text: 'Who is refused for a Bearer token is challenged with the reason, where there is one.',
    shownBy: ['test/unit/http/errors.test.ts › challenges a Bearer token'],
  },
  {
    id: 'RFC6749-3.2-post',
    source: 'RFC 6749 §3.2',
    level: 'MUST',
    text: 'Token requests are made by POST.',
    shownBy: [`${TOKEN} › %s: %s`],
  },
  {
    id: 'RFC6749-3.2-once',
    source: 'RFC 6749 §3.2',
    level: 'MUST',
    text: 'No parameter comes twice.',
    shownBy: [
      `${TOKEN} › a repeated %s, RFC 6749 §3.2`,
      'test/unit/http/form.test.ts › refuses a parameter that comes twice: %s',
    ],
  },
  {
    id: 'RFC6749-3.2-unknown',
    source: 'RFC 6749 §3.2',
    level: 'MUST',
    text: 'Parameters nobody knows are ignored; one without a value counts as absent.',
    shownBy: [`${TOKEN} › as if what is empty or unknown to it were not there, RFC 6749 §3.2`],
  },
  {
    id: 'OAUTH21-3.2-cors',
    source: 'draft-ietf-oauth-v2-1-15 §3.2',
    level: 'SHOULD',
    text: 'Browser clients reach token, revocation, metadata and keys across origins; each client from its own origins alone.',
    shownBy: [
      `${TOKEN} › a page of an origin that its client does not have`,
      "test/http/cors.test.ts › lets pages of the tenant's clients read answers, errors too",
      'test/http/cors.test.ts › never allows credentials',
    ],
  },
  {
    id: 'RFC6749-3.3-syntax',
    source: 'RFC 6749 §3.3',
    level: 'MUST',
    text: 'A scope is a list of tokens with single spaces between them.',
    shownBy: ['test/unit/oauth/scope.test.ts › accepts exactly the grammar of RFC 6749 §A.4'],
  },
  {
    id: 'RFC6749-3.3-default',
    source: 'RFC 6749 §3.3',
    level: 'MUST',
    text: 'Without a scope in the request a default counts, or the request fails; the answer says what was given.',
    shownBy: [`${CLIENT_CREDENTIALS} › gives all the scopes of the client when it asks for none, and says so`],
  },
  {
    id: 'RFC6749-5.1-answer',
    source: 'RFC 6749 §5.1',
    level: 'MUST',
    text: 'The answer is JSON with token, type, lifetime and scope, and is never stored.',
    shownBy: [`${TOKEN} › with JSON that nobody stores, RFC 6749 §5.1`],
  },
  {
    id: 'RFC6749-5.2-errors',
    source: 'RFC 6749 §5.2',
    level: 'MUST',
    text: 'An error is 400 with a code; failed authentication by header is 401 with a challenge of its scheme.',
    shownBy: [
      `${TOKEN} › a wrong secret, an unknown client and a disabled one with one and the same answer`,
      'test/unit/oauth/errors.test.ts › answers $code with $status',
    ],
  },
  {
    id: 'RFC6749-5.2-characters',
    source: 'RFC 6749 §5.2',
    level: 'MUST',
    text: 'Error texts have no quote, no backslash, no control character and nothing beyond ASCII.',
    shownBy: [
      `${TOKEN} › never says back a character that RFC 6749 §5.2 forbids, nor writes more than one log line, whatever it is sent`,
      'test/unit/oauth/errors.test.ts › never lets a character out of the range of RFC 6749 §5.2 into the public text',
    ],
  },
  {
    id: 'RFC6749-5.2-grant-type',
    source: 'RFC 6749 §5.2',
    level: 'MUST',
    text: 'A grant type that is not ours and one that is not the client’s are told apart by their codes.',
    shownBy: [
      `${TOKEN} › the grant type %j as %s`,
      `${TOKEN} › a grant type the client is not registered for, and client credentials of a public client`,
    ],
  },
  {
    id: 'RFC9700-2.4-password',
    source: 'RFC 9700 §2.4',
    level: 'MUST',
    text: 'The password grant is gone.',
    shownBy: ['test/unit/oauth/token-endpoint.test.ts › has no grant %s'],
  },
  {
    id: 'RFC6749-6-client',
    source: 'RFC 6749 §6',
    level: 'MUST',
    text: 'A refresh token serves the client it was issued to; at another nothing happens to it.',
    shownBy: [`${REFRESH} › a token of another client, which keeps it`],
  },
  {
    id: 'RFC6749-6-scope',
    source: 'RFC 6749 §6',
    level: 'MUST',
    text: 'A refresh gives no more scope than was granted; the next refresh token stands for the whole grant still.',
    shownBy: [
      `${REFRESH} › more scope than was granted`,
      `${REFRESH} › narrows the scope of the access token and not of the grant`,
    ],
  },
  {
    id: 'RFC6749-10.4-forgery',
    source: 'RFC 6749 §10.4',
    level: 'MUST',
    text: 'Refresh tokens cannot be made, changed or guessed.',
    shownBy: [
      `${REFRESH} › every single changed byte and every truncation`,
      'test/unit/oauth/refresh-token.test.ts › is refused after every change of one character and every truncation',
    ],
  },
  {
    id: 'RFC9700-4.14.2-rotation',
    source: 'RFC 9700 §4.14.2',
    level: 'MUST',
    text: 'Refresh tokens of public clients rotate; a spent one that comes back ends the grant, the live token included.',
    shownBy: [
      `${REFRESH} › ends the whole grant when a spent token comes back after the grace`,
      `${TOKEN} › a spent refresh token after the grace, and from then on its successor too`,
    ],
  },
  {
    id: 'OAUTH21-4.3.1-one-lineage',
    source: 'draft-ietf-oauth-v2-1-15 §4.3.1',
    level: 'MUST',
    text: 'Whoever retries gets the one successor there is; there are never two lineages.',
    shownBy: [
      `${REFRESH} › gives everybody who retries within the grace the same successor`,
      `${REFRESH} › gives a late retry the current token, though it was spent again since`,
      'test/http/over-postgres.test.ts › gives twenty callers with one refresh token one successor',
    ],
  },
  {
    id: 'RFC10017-6.3.2.3-lifetime',
    source: 'RFC 10017 §6.3.2.3',
    level: 'MUST',
    text: 'Rotation does not lengthen the life of a grant.',
    shownBy: [`${REFRESH} › a grant that has expired, however often it was refreshed`],
  },
  {
    id: 'RFC6749-4.4-confidential',
    source: 'RFC 6749 §4.4',
    level: 'MUST',
    text: 'Client credentials are for confidential clients.',
    shownBy: [`${CLIENT_CREDENTIALS} › refuses a public client`],
  },
  {
    id: 'RFC6749-4.4.3-no-refresh',
    source: 'RFC 6749 §4.4.3',
    level: 'SHOULD',
    text: 'They come without a refresh token.',
    shownBy: [`${CLIENT_CREDENTIALS} › answers with a token whose subject is the client, and no refresh token`],
  },
]
