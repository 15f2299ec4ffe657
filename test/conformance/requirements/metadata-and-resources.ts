import type { Requirement } from '../requirement.js'

const METADATA = 'test/http/metadata.test.ts'
const RESOURCE = 'test/unit/oauth/resource.test.ts'
const REFRESH = 'test/unit/oauth/grants/refresh-token.test.ts'

/** RFC 8414 with the keys it names, and RFC 8707. */
export const metadataAndResources: readonly Requirement[] = [
  {
    id: 'RFC8414-2-issuer',
    source: 'RFC 8414 §2',
    level: 'MUST',
    text: 'The issuer has no query and no fragment, and no request has a say in it.',
    shownBy: [`${METADATA} › does not believe %s`],
  },
  {
    id: 'RFC8414-2-truth',
    source: 'RFC 8414 §2',
    level: 'MUST',
    text: 'What the document names is there, under the issuer.',
    shownBy: [
      `${METADATA} › names no endpoint that is not there`,
      'test/unit/oauth/metadata.test.ts › names what works, under its issuer',
    ],
  },
  {
    id: 'RFC8414-3-path',
    source: 'RFC 8414 §3',
    level: 'MUST',
    text: 'The well-known part stands between the host and the path of the issuer.',
    shownBy: [`${METADATA} › says what works at $tenant.issuer, asked at $path`, `${METADATA} › has nothing at %s`],
  },
  {
    id: 'RFC8414-3.2-json',
    source: 'RFC 8414 §3.2',
    level: 'MUST',
    text: 'The answer is 200 with JSON; what has no element is left out.',
    shownBy: [
      `${METADATA} › says what works at $tenant.issuer, asked at $path`,
      'test/unit/oauth/metadata.test.ts › has no empty list, no null and no empty text, RFC 8414 §3.2',
    ],
  },
  {
    id: 'RFC8414-3.3-identical',
    source: 'RFC 8414 §3.3',
    level: 'MUST',
    text: 'The issuer in the document is byte for byte that of the URL it was asked at.',
    shownBy: [`${METADATA} › says what works at $tenant.issuer, asked at $path`],
  },
  {
    id: 'RFC7517-5-public',
    source: 'RFC 7517 §5',
    level: 'MUST',
    text: 'The key set has public keys alone, each with a kid of its own, its use and its algorithm.',
    shownBy: [
      'test/unit/keys/jwks.test.ts › has the public signing keys alone, each with use, alg and a kid of its own',
      'test/http/jwks.test.ts › gives everybody the keys of the tenant, to keep as long as the keys allow',
    ],
  },
  {
    id: 'RFC7517-5-rotation',
    source: 'RFC 7517 §5',
    level: 'SHOULD',
    text: 'A key is published before it signs and stays until what it signed has expired.',
    shownBy: [
      'test/unit/keys/jwks.test.ts › has the next key before it signs, and the last until what it signed has expired',
      'test/unit/keys/schedule.test.ts › publishes every signing key for at least twice the JWKS max-age, however short the rotation',
    ],
  },
  {
    id: 'RFC8707-2-uri',
    source: 'RFC 8707 §2',
    level: 'MUST',
    text: 'A resource is an absolute URI without a fragment, and one the server knows; anything else is invalid_target.',
    shownBy: [`${RESOURCE} › refuses $name`],
  },
  {
    id: 'RFC8707-2-audience',
    source: 'RFC 8707 §2',
    level: 'SHOULD',
    text: 'The token is for the resource named, and for no other.',
    shownBy: [`${REFRESH} › picks one API of several, with the scope that means something there`],
  },
  {
    id: 'RFC8707-2.2-granted',
    source: 'RFC 8707 §2.2',
    level: 'MUST',
    text: 'A token request names a resource that was granted; the refresh token goes on to stand for all of them.',
    shownBy: [`${REFRESH} › an API that was not granted`],
  },
  {
    id: 'RFC8707-2.2-scope',
    source: 'RFC 8707 §2.2',
    level: 'SHOULD',
    text: 'Of the scope granted the token has what means something at its resource.',
    shownBy: [`${REFRESH} › picks one API of several, with the scope that means something there`],
  },
  {
    id: 'RFC8707-2-one',
    source: 'RFC 8707 §2',
    level: 'MUST',
    text: 'Two resources would need two keys: a token request with both is invalid_target.',
    shownBy: ['test/http/token.test.ts › two resources, RFC 8707 §2', `${REFRESH} › two APIs at once`],
  },
]
