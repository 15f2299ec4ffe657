import type { Requirement } from '../requirement.js'

const ID_TOKEN = 'test/unit/oauth/id-token.test.ts'
const HINT = 'test/unit/oauth/id-token-hint.test.ts'
const USERINFO = 'test/http/userinfo.test.ts'
const CLAIMS = 'test/unit/oauth/standard-claims.test.ts'
const BY_NAME = 'test/unit/oauth/claims-request.test.ts'
const SUBJECTS = 'test/unit/keys/subjects.test.ts'
const REGISTRATION = 'test/unit/oauth/registration/openid.test.ts'
const METADATA = 'test/http/metadata.test.ts'

const must = (id: string, source: Requirement['source'], text: string, ...shownBy: string[]): Requirement => ({
  id,
  source,
  level: 'MUST',
  text,
  shownBy,
})

/** OpenID Connect Core where no browser takes part, Registration and Discovery. */
export const openidConnect: readonly Requirement[] = [
  must(
    'OIDC-Core-2-claims',
    'OpenID Connect Core §2',
    'An ID token has iss, sub, aud, exp and iat; auth_time, acr and amr say when and how the user signed in.',
    `${ID_TOKEN} › says who signed in, when and how, at whom, for whom and for how long`,
    `${ID_TOKEN} › leaves out what there is not`,
  ),
  must(
    'OIDC-Core-2-nonce',
    'OpenID Connect Core §2',
    'The nonce of the request is in the ID token unmodified, and none where none was sent.',
    `${ID_TOKEN} › passes the nonce %j through`,
    `${ID_TOKEN} › leaves out what there is not`,
  ),
  must(
    'OIDC-Core-2-signed-encrypted',
    'OpenID Connect Core §2',
    'ID tokens are signed, never with none, and encrypted after that for a client that registered it.',
    `${ID_TOKEN} › is signed as the client registered: %s`,
    `${ID_TOKEN} › is encrypted to the client after it was signed: $alg, $enc`,
    `${ID_TOKEN} › is never sent in the clear to a client that asked for encryption and has %s`,
  ),
  must(
    'OIDC-Core-3.1.3.6-at-hash',
    'OpenID Connect Core §3.1.3.6',
    'at_hash is the left half of the hash that belongs to the algorithm of the signature.',
    `${ID_TOKEN} › of %s is %s`,
    `${ID_TOKEN} › is half of a SHA-512 where the signature is an Ed25519 one`,
  ),
  must(
    'OIDC-Core-3.1.2.1-hint',
    'OpenID Connect Core §3.1.2.1',
    'A hint counts when this server issued it, expired or not, and nothing else does.',
    `${HINT} › reads back an ID token signed by %s, for whomever it was`,
    `${HINT} › reads one that has expired, and one whose key was retired, while the key is kept`,
    `${HINT} › reads nothing that was forged`,
    `${HINT} › reads nothing of another tenant`,
    `${HINT} › reads nothing with %s`,
  ),
  must(
    'OIDC-Core-5.3.1-methods',
    'OpenID Connect Core §5.3.1',
    'Userinfo takes GET and POST, and the access token as RFC 6750 has it.',
    `${USERINFO} › tells what the scope stands for, and nobody stores it`,
    `${USERINFO} › takes the token of the header of a POST, and that of its form`,
    `${USERINFO} › refuses a token in the URL, two tokens, and a header that holds none`,
  ),
  must(
    'OIDC-Core-5.3.2-sub',
    'OpenID Connect Core §5.3.2',
    'sub is always told and is that of the ID token; what is not known is left out, never null or empty.',
    `${USERINFO} › knows the user of a pairwise client by the name that the ID token has`,
    `${CLAIMS} › tells nothing that was not asked for, and says of nothing unknown that it is verified`,
  ),
  must(
    'OIDC-Core-5.3.2-jwt',
    'OpenID Connect Core §5.3.2',
    'Userinfo is signed, with iss and aud and as application/jwt, and then encrypted, for who registered that.',
    `${USERINFO} › is signed for a client that registered %s`,
    `${USERINFO} › is encrypted after that for a client that registered $alg, $enc`,
    `${USERINFO} › is never in the clear for a client that asked for encryption and has no key`,
  ),
  must(
    'OIDC-Core-5.3.3-errors',
    'OpenID Connect Core §5.3.3',
    'Errors are those of RFC 6750, and who shows no token is told no error.',
    `${USERINFO} › says who shows no token how to, and no more, RFC 6750 §3.1`,
    `${USERINFO} › is one when %s`,
    `${USERINFO} › refuses a token without the scope openid, RFC 6750 §3.1`,
  ),
  must(
    'OIDC-Core-5.4-scopes',
    'OpenID Connect Core §5.4',
    'The scopes profile, email, address and phone ask for the claims of the standard, at userinfo where there is a token for it.',
    `${CLAIMS} › of profile has the fourteen of the standard`,
    `${USERINFO} › with the scope %s tells no more than that`,
    `${ID_TOKEN} › is nothing where the access token is for userinfo`,
    `${ID_TOKEN} › is what the scope stands for where it is not`,
  ),
  must(
    'OIDC-Core-5.5-claims',
    'OpenID Connect Core §5.5',
    'The claims parameter is read as JSON; members that are not understood are ignored.',
    `${BY_NAME} › reads the example of the standard, without the claims that nobody knows here`,
    `${BY_NAME} › takes %s`,
    `${USERINFO} › tells what the client asked for by name, as far as the scope of the token covers it`,
  ),
  must(
    'OIDC-Core-5.5.1-sub',
    'OpenID Connect Core §5.5.1',
    'A subject that is asked for by value is the only one that the answer may be about.',
    `${BY_NAME} › of %s is %s`,
  ),
  must(
    'OIDC-Core-8-pairwise',
    'OpenID Connect Core §8.1',
    'A pairwise subject can not be turned back, differs by sector, and is the same each time.',
    `${SUBJECTS} › are for a pairwise client a hash under the key of the tenant, of its sector and the user`,
    `${SUBJECTS} › differ by sector, user and tenant, and stay when keys are rotated`,
    `${SUBJECTS} › are never the id of a client or of a user, whatever the sector`,
  ),
  must(
    'OIDC-Core-8.1-sector',
    'OpenID Connect Core §8.1',
    'Redirect URIs of several hosts need a sector of their own.',
    `${REGISTRATION} › must be named where the redirect URIs have not one host: %j`,
    `${REGISTRATION} › stays when the redirect URIs move, so that users stay who they are`,
  ),
  must(
    'OIDC-Core-10.1.1-rotation',
    'OpenID Connect Core §10.1.1',
    'Keys of ID tokens are published before they sign and for as long as what they signed is read.',
    'test/unit/keys/jwks.test.ts › has the next key before it signs, and the last until what it signed has expired',
    'test/unit/keys/schedule.test.ts › keeps a retired key of ID tokens for a day: an expired one is a hint at logout',
  ),
  must(
    'OIDC-Discovery-3-metadata',
    'OpenID Connect Discovery §3',
    'The document has what is required, RS256 among the algorithms, and the issuer of the ID tokens.',
    'test/unit/oauth/metadata.test.ts › is what a client of OpenID Connect insists on, OpenID Connect Discovery §3',
    'test/unit/oauth/metadata.test.ts › names what works, under its issuer',
  ),
  must(
    'OIDC-Discovery-4-address',
    'OpenID Connect Discovery §4',
    'It is served where the well-known part is appended to the issuer.',
    `${METADATA} › says what works at $tenant.issuer, asked at $path`,
    `${METADATA} › is the same, byte for byte, wherever it is asked for`,
    `${METADATA} › is taken by a client nobody here wrote, $algorithm, $tenant.issuer`,
  ),
]
