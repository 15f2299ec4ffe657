import type { Requirement } from '../requirement.js'

const REVOCATION = 'test/http/revocation.test.ts'
const REVOKE = 'test/unit/oauth/revocation.test.ts'
const INTROSPECTION = 'test/http/introspection.test.ts'
const RESPONSE = 'test/http/introspection-response.test.ts'
const INTROSPECT = 'test/unit/oauth/introspection.test.ts'
const FEED = 'test/http/feed.test.ts'
const STREAM = 'test/http/stream.test.ts'

/** RFC 7009, RFC 7662 and RFC 9701, and of HTTP what the feed of revocations rests on. */
export const revocationAndIntrospection: readonly Requirement[] = [
  {
    id: 'RFC7009-2.1-client',
    source: 'RFC 7009 §2.1',
    level: 'MUST',
    text: 'The client is authenticated, a public one by its id.',
    shownBy: [
      `${REVOCATION} › refuses who is not authenticated, and a request without a token`,
      `${REVOCATION} › serves a public client by its id, from a page of its own`,
    ],
  },
  {
    id: 'RFC7009-2.1-own',
    source: 'RFC 7009 §2.1',
    level: 'MUST',
    text: 'A token of another client is refused, said so, and goes on to work.',
    shownBy: [`${REVOCATION} › refuses a token of another client, RFC 7009 §2.1, and it goes on to work`],
  },
  {
    id: 'RFC7009-2.1-refresh',
    source: 'RFC 7009 §2.1',
    level: 'MUST',
    text: 'Refresh tokens can be revoked, and with them go the access tokens of their grant.',
    shownBy: [`${REVOCATION} › ends the grant of a refresh token, and all its access tokens with it`],
  },
  {
    id: 'RFC7009-2.1-access',
    source: 'RFC 7009 §2.1',
    level: 'SHOULD',
    text: 'Access tokens can be revoked.',
    shownBy: [`${REVOCATION} › ends an access token and leaves its grant`],
  },
  {
    id: 'RFC7009-2.1-hint',
    source: 'RFC 7009 §2.1',
    level: 'MUST',
    text: 'A wrong hint hides no token.',
    shownBy: [
      `${REVOKE} › ends an access token alone, whatever the hint: %s`,
      `${REVOKE} › ends the grant of a refresh token and with it its access tokens, whatever the hint: %s`,
    ],
  },
  {
    id: 'RFC7009-2.2-unknown',
    source: 'RFC 7009 §2.2',
    level: 'MUST',
    text: 'A token that is unknown, expired or revoked is answered as a success.',
    shownBy: [
      `${REVOCATION} › answers an empty object as JSON, also for what is unknown or gone: some clients accept no other 200`,
      `${REVOKE} › writes nothing for what has expired, whoever asks`,
    ],
  },
  {
    id: 'RFC7662-2.1-post',
    source: 'RFC 7662 §2.1',
    level: 'MUST',
    text: 'The token comes by POST as a form; without one the request is malformed.',
    shownBy: [`${INTROSPECTION} › takes one token by POST and nothing from the URL`],
  },
  {
    id: 'RFC7662-2.1-authorised',
    source: 'RFC 7662 §2.1',
    level: 'MUST',
    text: 'Who asks proves who it is, or is answered 401.',
    shownBy: [`${INTROSPECTION} › needs credentials that prove something, RFC 7662 §2.1`],
  },
  {
    id: 'RFC7662-2.2-inactive',
    source: 'RFC 7662 §2.2',
    level: 'MUST',
    text: 'Of a token that does not count, or is none of the asker’s business, nothing is said but that it is inactive.',
    shownBy: [
      `${INTROSPECTION} › tells everybody else no more than that it is inactive`,
      `${INTROSPECT} › tells everybody else that it is inactive, and nothing more`,
    ],
  },
  {
    id: 'RFC7662-4-expiry',
    source: 'RFC 7662 §4',
    level: 'MUST',
    text: 'An expired token is inactive.',
    shownBy: [`${INTROSPECT} › is inactive when it has expired, to the second`],
  },
  {
    id: 'RFC7662-4-revoked',
    source: 'RFC 7662 §4',
    level: 'MUST',
    text: 'A token revoked by any layer is inactive: itself, grant, user, client, API, key or tenant.',
    shownBy: [
      `${INTROSPECT} › is inactive once its %s is revoked`,
      `${INTROSPECT} › is inactive once %s`,
      'test/http/over-postgres.test.ts › ends refresh token and access token at once, and those of nobody else',
    ],
  },
  {
    id: 'RFC7662-4-signature',
    source: 'RFC 7662 §4',
    level: 'MUST',
    text: 'A token that is not as the server made it is inactive.',
    shownBy: [
      `${INTROSPECT} › is inactive when one of its characters is changed`,
      'test/unit/keys/unsealer.test.ts › is not read with any byte changed or cut off',
      'test/unit/wire/open-own.test.ts › cannot make the server read other content under it',
    ],
  },
  {
    id: 'RFC7662-4-scanning',
    source: 'RFC 7662 §4',
    level: 'MUST',
    text: 'The endpoint is no oracle for who tries tokens or credentials one by one.',
    shownBy: [
      `${INTROSPECTION} › counts failed credentials against the address`,
      `${INTROSPECTION} › is no oracle at another tenant`,
    ],
  },
  {
    id: 'RFC9701-4-accept',
    source: 'RFC 9701 §4',
    level: 'MUST',
    text: 'The response is a JWT for who asks for that media type, and JSON for who does not.',
    shownBy: [`${RESPONSE} › is $type for Accept: $accept`],
  },
  {
    id: 'RFC9701-5-claims',
    source: 'RFC 9701 §5',
    level: 'MUST',
    text: 'The JWT is signed, has its own type, and iss, aud, iat and token_introspection; no sub and exp outside.',
    shownBy: [
      `${RESPONSE} › is a JWT for who asks for one, signed for it alone, with nothing outside that an access token has, RFC 9701 §5`,
      `${RESPONSE} › comes from the tenant that was asked, and is signed with its key`,
    ],
  },
  {
    id: 'RFC9701-5-inactive',
    source: 'RFC 9701 §5',
    level: 'MUST',
    text: 'Of a token that is invalid, expired, revoked or not for who asks, `active` is false and nothing else is said.',
    shownBy: [
      `${RESPONSE} › says of a token that does not count, or is none of the asker’s business, that it is inactive, and nothing more`,
    ],
  },
  {
    id: 'RFC9701-5-nested',
    source: 'RFC 9701 §5',
    level: 'MUST',
    text: 'A response that is encrypted is a nested JWT: signed, then encrypted.',
    shownBy: [`${RESPONSE} › is signed, then encrypted: $alg on $key with $enc`],
  },
  {
    id: 'RFC9701-5-unauthenticated',
    source: 'RFC 9701 §5',
    level: 'MUST',
    text: 'Who does not authenticate is refused with 400.',
    shownBy: [`${RESPONSE} › is nothing for who does not say who asks, RFC 9701 §5, or says it wrongly, RFC 7662 §2.3`],
  },
  {
    id: 'RFC9701-6-registered',
    source: 'RFC 9701 §6',
    level: 'MUST',
    text: 'The response is signed with the registered algorithm, RS256 without, and encrypted where that is registered.',
    shownBy: [
      `${RESPONSE} › is signed as the API registered: %s`,
      `${RESPONSE} › is never in the clear: not for */*, not without Accept, not of an inactive token`,
      `${RESPONSE} › is refused for Accept: %s`,
      `${RESPONSE} › is an error, with a line in the log, when it has $name`,
    ],
  },
  {
    id: 'RFC9701-7-metadata',
    source: 'RFC 9701 §7',
    level: 'SHOULD',
    text: 'The metadata names what responses can be signed and encrypted with.',
    shownBy: ['test/unit/oauth/metadata.test.ts › names what works, under its issuer'],
  },
  {
    id: 'RFC9701-8.1-confusion',
    source: 'RFC 9701 §8.1',
    level: 'MUST',
    text: 'A response is taken for an access token nowhere.',
    shownBy: [
      'test/http/token-confusion.test.ts › takes what it is for, and nothing else',
      'test/unit/wire/nested-jwt.test.ts › is no access token, for server or API',
    ],
  },
  {
    id: 'RFC9110-9.3.2-head',
    source: 'RFC 9110 §9.3.2',
    level: 'MUST',
    text: 'HEAD is answered as GET without content: no stream begins.',
    shownBy: [
      `${STREAM} › is not begun for HEAD, and ends with the connection for HTTP/1.0`,
      `${FEED} › answers HEAD without a place, and HTTP/1.0 without chunks`,
    ],
  },
  {
    id: 'RFC9112-6.1-chunks',
    source: 'RFC 9112 §6.1',
    level: 'MUST',
    text: 'No chunks are sent to who speaks HTTP/1.0.',
    shownBy: [`${STREAM} › is not begun for HEAD, and ends with the connection for HTTP/1.0`],
  },
  {
    id: 'RFC9110-12.5.1-accept',
    source: 'RFC 9110 §12.5.1',
    level: 'SHOULD',
    text: 'What the caller accepts decides between the list and the stream.',
    shownBy: [`${FEED} › is the list to who does not ask for a stream by name`],
  },
  {
    id: 'RFC9110-15.5.11-gone',
    source: 'RFC 9110 §15.5.11',
    level: 'SHOULD',
    text: 'A cursor that leads nowhere any more is answered 410, before anything is streamed.',
    shownBy: [`${FEED} › answers 410 before anything is streamed to the cursor %s`],
  },
]
