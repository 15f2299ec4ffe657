import type { Requirement } from '../requirement.js'

const MINT = 'test/unit/keys/mint.test.ts'
const SEAL = 'test/unit/wire/seal.test.ts'
const JWS = 'test/unit/crypto/jws.test.ts'
const JWE = 'test/unit/wire/jwe.test.ts'
const OWN = 'test/unit/wire/open-own.test.ts'
const PRIVATE = 'test/unit/wire/open-with-private-key.test.ts'
const CONFUSION = 'test/http/token-confusion.test.ts'

/** RFC 9068, and the rules of signed and encrypted tokens: RFC 7515, 7516, 7518, 7519, 8725. */
export const accessTokens: readonly Requirement[] = [
  {
    id: 'RFC9068-2.1-signed',
    source: 'RFC 9068 §2.1',
    level: 'MUST',
    text: 'An access token is signed, by an algorithm that is not none, under the type at+jwt; RS256 is among them.',
    shownBy: [`${MINT} › is signed as its API asks: %s`, `${MINT} › signed: a plain RFC 9068 token`],
  },
  {
    id: 'RFC9068-2.2-claims',
    source: 'RFC 9068 §2.2',
    level: 'MUST',
    text: 'It has iss, exp, aud, sub, client_id, iat and jti, the scope, and what is known of the sign-in.',
    shownBy: [
      `${MINT} › has the claims of RFC 9068 and ours, and tells none of them outside`,
      `${OWN} › the claim %s of %j`,
    ],
  },
  {
    id: 'RFC9068-2.2-client-subject',
    source: 'RFC 9068 §2.2',
    level: 'SHOULD',
    text: 'Without a user the subject is the client.',
    shownBy: [
      'test/unit/oauth/grants/client-credentials.test.ts › answers with a token whose subject is the client, and no refresh token',
    ],
  },
  {
    id: 'RFC9068-3-audience',
    source: 'RFC 9068 §3',
    level: 'MUST',
    text: 'The resource of the request, or the default that its scope leads to, is the audience.',
    shownBy: [
      'test/unit/oauth/grants/refresh-token.test.ts › picks one API of several, with the scope that means something there',
      'test/unit/oauth/resource.test.ts › $name',
    ],
  },
  {
    id: 'RFC9068-5-confusion',
    source: 'RFC 9068 §5',
    level: 'MUST',
    text: 'No token of one kind passes where another is expected.',
    shownBy: [
      `${CONFUSION} › takes what it is for, and nothing else`,
      `${JWS} › when its typ is that of another kind of token`,
      'test/unit/keys/unsealer.test.ts › is not read: a signed list, under its own type or ours',
    ],
  },
  {
    id: 'RFC7519-11.2-nested',
    source: 'RFC 7519 §11.2',
    level: 'SHOULD',
    text: 'A token is signed first, then encrypted, and says so by cty JWT.',
    shownBy: [
      `${SEAL} › is opened by jose with the private key of the API, signature and claims included`,
      `${SEAL} › has the form that jose gives one, which we open too`,
    ],
  },
  {
    id: 'DESIGN-3-no-claim-outside',
    source: 'RFC 7519 §12',
    level: 'MUST',
    text: 'What is confidential is not in the clear header.',
    shownBy: [`${SEAL} › shows no claim in the clear`],
  },
  {
    id: 'RFC8725-3.1-algorithms',
    source: 'RFC 8725 §3.1',
    level: 'MUST',
    text: 'Algorithms are allow-lists, exact in their spelling, and belong to the key, not to the header.',
    shownBy: [
      `${JWS} › when the key is right and its algorithm is not allowed here`,
      `${JWS} › when it is an HMAC under the public key`,
      `${PRIVATE} › a token sealed with the same key under another algorithm than it registered`,
    ],
  },
  {
    id: 'RFC8725-3.3-all-layers',
    source: 'RFC 8725 §3.3',
    level: 'MUST',
    text: 'Every layer is checked: what anybody can encrypt proves nothing about who signed it.',
    shownBy: [
      `${OWN} › what anybody can seal for an API: no key of the server is in it`,
      `${OWN} › a token within a token, claims that nobody signed, and tokens of another kind`,
    ],
  },
  {
    id: 'RFC8725-3.4-inputs',
    source: 'RFC 8725 §3.4',
    level: 'MUST',
    text: 'The ephemeral key is on the curve of the recipient, and not of small order.',
    shownBy: [
      `${PRIVATE} › is refused when it %s`,
      `${PRIVATE} › a token whose secret everybody knows, because its ephemeral key is of small order`,
    ],
  },
  {
    id: 'RFC8725-3.6-compression',
    source: 'RFC 8725 §3.6',
    level: 'SHOULD',
    text: 'Nothing is compressed; a token that says it is, is refused before it is decrypted.',
    shownBy: [`${JWE} › as %s for %j`],
  },
  {
    id: 'RFC8725-3.10-claims-of-the-header',
    source: 'RFC 8725 §3.10',
    level: 'MUST',
    text: 'A kid is a name and nothing more; keys and URLs in a header are not followed, an unknown crit is refused.',
    shownBy: [`${JWS} › when it brings a key, a URL or an extension of its own`],
  },
  {
    id: 'RFC8725-3.11-type',
    source: 'RFC 8725 §3.11',
    level: 'MUST',
    text: 'The inner token says its type, and the type is checked.',
    shownBy: [`${JWS} › when its typ is that of another kind of token`],
  },
  {
    id: 'RFC7516-7.1-compact',
    source: 'RFC 7516 §7.1',
    level: 'MUST',
    text: 'A sealed token has five parts in base64url, and no other serialization is read.',
    shownBy: [`${JWE} › that is a bare JWS, has six parts, or is JSON`],
  },
  {
    id: 'RFC7516-11.5-oracle',
    source: 'RFC 7516 §11.5',
    level: 'MUST',
    text: 'A key that does not decrypt is replaced by a random one, so that failures cannot be told apart.',
    shownBy: [
      `${PRIVATE} › an RSA key that does not decrypt, or to another length, becomes a random one, another each time`,
      `${OWN} › every refusal reads the same`,
    ],
  },
  {
    id: 'RFC7518-5.3-gcm',
    source: 'RFC 7518 §5.3',
    level: 'MUST',
    text: 'GCM has an IV of 96 bits that never comes twice and a tag of 128 bits, no shorter one.',
    shownBy: [
      'test/unit/crypto/primitives.test.ts › refuses a shortened tag of any length under %s',
      'test/unit/crypto/primitives.test.ts › never uses an IV twice',
    ],
  },
  {
    id: 'RFC7518-3.4-ecdsa',
    source: 'RFC 7518 §3.4',
    level: 'MUST',
    text: 'An ECDSA signature is r and s at their full length, neither of them zero, and no DER.',
    shownBy: [`${JWS} › when the signature is DER, too long, empty, or has an r or s of zero`],
  },
  {
    id: 'DESIGN-3-sealed-means-sealed',
    source: 'RFC 9068 §4',
    level: 'SHOULD',
    text: 'Where encryption was agreed there is no token without it: no key, no token.',
    shownBy: [
      `${MINT} › gets no token and a line in the log: $name`,
      'test/unit/oauth/grants/refresh-token.test.ts › an API that no token can be made for',
    ],
  },
]
