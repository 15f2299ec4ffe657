import type { Requirement } from '../requirement.js'

const ATTACKS = 'test/unit/resource-server/attacks.test.ts'
const CLAIMS = 'test/unit/resource-server/attacks-on-claims.test.ts'
const VERIFIER = 'test/unit/resource-server/verifier.test.ts'
const DOCUMENTS = 'test/unit/resource-server/issuer-documents.test.ts'
const HTTP = 'test/unit/resource-server/issuer-http.test.ts'
const LISTS = 'test/unit/resource-server/status-list-reader.test.ts'
const E2E = 'test/e2e/resource-server.test.ts'

/** What an API checks of a token: RFC 9068, 7519, 8725, 8414, draft-ietf-oauth-status-list. */
export const tokensAtTheApi: readonly Requirement[] = [
  {
    id: 'API-RFC9068-4-sealed',
    source: 'RFC 9068 §4',
    level: 'SHOULD',
    text: 'Where encryption was agreed on, a token that is not encrypted is refused.',
    shownBy: [`${ATTACKS} › no envelope at all: a genuine signature where a seal was agreed on`],
  },
  {
    id: 'API-RFC9068-4-typ',
    source: 'RFC 9068 §4',
    level: 'MUST',
    text: 'typ is at+jwt or application/at+jwt, and nothing else.',
    shownBy: [`${CLAIMS} › typ %s`, `${CLAIMS} › but typ %s is ours`],
  },
  {
    id: 'API-RFC9068-4-iss-aud',
    source: 'RFC 9068 §4',
    level: 'MUST',
    text: 'iss is exactly the issuer, and aud names this API.',
    shownBy: [`${CLAIMS} › an issuer that is nearly ours: %s`, `${CLAIMS} › an audience that is nearly ours: %s`],
  },
  {
    id: 'API-RFC9068-4-signature',
    source: 'RFC 9068 §4',
    level: 'MUST',
    text: 'The signature is verified with a key of the issuer; none is no algorithm.',
    shownBy: [
      `${ATTACKS} › "%s" with and without a signature`,
      `${ATTACKS} › a stranger’s signature under the name of our key`,
      `${ATTACKS} › a key of every kind that the server signs with`,
    ],
  },
  {
    id: 'API-RFC9068-4-exp',
    source: 'RFC 9068 §4',
    level: 'MUST',
    text: 'A token whose time is over is refused, give or take what clocks may differ.',
    shownBy: [`${CLAIMS} › a token that %s`, `${VERIFIER} › ends when its time is over`],
  },
  {
    id: 'API-RFC9068-5-confusion',
    source: 'RFC 9068 §5',
    level: 'MUST',
    text: 'No other JWT of the same issuer passes for an access token.',
    shownBy: [`${CLAIMS} › typ %s`, `${ATTACKS} › another JWT of the same issuer, encrypted to the same key`],
  },
  {
    id: 'API-RFC7519-5.2-cty',
    source: 'RFC 7519 §5.2',
    level: 'MUST',
    text: 'A nested JWT says so in cty.',
    shownBy: [`${ATTACKS} › an envelope that is %s`],
  },
  {
    id: 'API-RFC8725-3.1-algorithms',
    source: 'RFC 8725 §3.1',
    level: 'MUST',
    text: 'A key serves one algorithm, which comes with the key and not with the token.',
    shownBy: [
      `${ATTACKS} › %s where the key is for ES256`,
      `${ATTACKS} › HS256 with the public key for a secret, in every form it has`,
      `${ATTACKS} › an RSA key that is used with the padding of the other algorithm`,
    ],
  },
  {
    id: 'API-RFC8725-3.3-nested',
    source: 'RFC 8725 §3.3',
    level: 'MUST',
    text: 'All operations are validated: what decrypts is not authentic for it.',
    shownBy: [
      `${ATTACKS} › around bare claims`,
      `${ATTACKS} › around a token that is sealed already`,
      `${ATTACKS} › a stranger’s signature under the name of our key`,
    ],
  },
  {
    id: 'API-RFC8725-3.10-keys',
    source: 'RFC 8725 §3.10',
    level: 'MUST',
    text: 'A key or an address in a token is the sender’s: nothing is made of it.',
    shownBy: [`${ATTACKS} › that comes in the header, as %s`, `${ATTACKS} › under the name %s`],
  },
  {
    id: 'API-RFC7515-4.1.11-crit',
    source: 'RFC 7515 §4.1.11',
    level: 'MUST',
    text: 'An extension that must be understood and is not makes a token invalid.',
    shownBy: [`${ATTACKS} › %s, in a genuine signature`, `${ATTACKS} › an empty list, and one that is none`],
  },
  {
    id: 'API-RFC8414-3.3-issuer',
    source: 'RFC 8414 §3.3',
    level: 'MUST',
    text: 'Metadata whose issuer is another is not used.',
    shownBy: [
      `${DOCUMENTS} › is refused when it $name`,
      `${DOCUMENTS} › are refused, and said to be, when they are of another issuer`,
    ],
  },
  {
    id: 'API-RFC7662-2.2-active',
    source: 'RFC 7662 §2.2',
    level: 'MUST',
    text: 'A token is active when the server says so, and not when it says nothing.',
    shownBy: [
      `${VERIFIER} › a server that gives no answer is none`,
      `${VERIFIER} › has every token introspected, also where the feed knows of nothing`,
    ],
  },
  {
    id: 'API-STATUS-LIST-8.3-order',
    source: 'draft-ietf-oauth-status-list §8.3',
    level: 'MUST',
    text: 'A token is valid before its status is asked for; an index out of bounds is a token refused.',
    shownBy: [
      `${LISTS} › beyond the end of it is refused`,
      `${E2E} › asks for no list because of a token that is none`,
    ],
  },
  {
    id: 'API-STATUS-LIST-11.3-uri',
    source: 'draft-ietf-oauth-status-list §11.3',
    level: 'MUST',
    text: 'A list is the token’s issuer’s, signed by a key trusted for it; no other address is asked.',
    shownBy: [
      `${LISTS} › that points away from its issuer is refused, and nothing is asked`,
      `${LISTS} › signed by somebody else is not believed`,
      `${HTTP} › goes to no other origin`,
    ],
  },
]
