import type { OpenIdSettings } from '#bulla/oauth/records.js'
import type { AskedEncryption } from '#bulla/oauth/registration/openid.js'
import { readJwks } from './api-keys.js'
import { integer } from './command.js'
import type { Context } from './context.js'
import { UsageError } from './errors.js'
import { ensureKeys } from './key-tools.js'
import { cleared } from './values.js'

/** What a client may have of OpenID Connect. */
export const OPENID_OPTIONS = {
  'id-token-alg': { value: 'A', help: 'What signs its ID tokens: RS256 (default), PS256, ES256 or Ed25519.' },
  'id-token-encryption': {
    value: 'ALG[,ENC]',
    help: 'Encrypts its ID tokens to its key: ECDH-ES, ECDH-ES+A256KW or RSA-OAEP-256; A128CBC-HS256 (default) or A256GCM.',
  },
  'userinfo-alg': { value: 'A', help: 'What signs what it is told of users; without, that is plain JSON.' },
  'userinfo-encryption': { value: 'ALG[,ENC]', help: 'And encrypts it, as above.' },
  jwks: { value: 'FILE', help: "The client's public encryption keys as a JWK set; - reads standard input." },
  pairwise: { help: 'It knows users by names that no other host has for them.' },
  'sector-host': {
    value: 'HOST',
    help: 'The host that those names are made for, where the redirect URIs have several or none.',
  },
  'default-max-age': { value: 'SECONDS', help: 'How long ago a user may have signed in, when it does not say.' },
  'post-logout-redirect-uri': {
    value: 'URI',
    multiple: true,
    help: 'Where users may be sent after logout, compared byte for byte. Repeatable.',
  },
  'backchannel-logout-uri': { value: 'URI', help: 'Where it is told of logouts by this server.' },
  'frontchannel-logout-uri': {
    value: 'URI',
    help: 'What the browser loads at logout; of an origin of its redirect URIs.',
  },
} as const

type Given = {
  readonly [Name in Exclude<keyof typeof OPENID_OPTIONS, 'pairwise' | 'post-logout-redirect-uri'>]?: string | undefined
} & {
  readonly pairwise?: boolean | undefined
  readonly 'post-logout-redirect-uri'?: readonly string[] | undefined
}

/** Throws UsageError for what the settings could not be read from. An empty value takes a setting away. */
export function checkOpenId(given: Given): void {
  if (given['default-max-age'] !== '') integer('default-max-age', given['default-max-age'])
  if (given['sector-host'] !== undefined && given.pairwise === false) {
    throw new UsageError('Give either --sector-host or --no-pairwise.')
  }
}

/** What a new client asks for. Throws RefusedError when its keys can't be read. */
export function newOpenId(given: Given) {
  const { postLogoutRedirectUris, ...change } = openIdChange(given)
  const named = Object.entries(change).map(([name, value]) => [name, value ?? undefined])
  return {
    ...(Object.fromEntries(named) as { [K in keyof typeof change]: NonNullable<(typeof change)[K]> | undefined }),
    postLogoutRedirectUris,
  }
}

/** The change that the options name; null for an empty value. Throws RefusedError when the keys can't be read. */
export function openIdChange(given: Given) {
  return {
    jwks: given.jwks === undefined ? undefined : given.jwks === '' ? null : readJwks(given.jwks),
    idTokenAlgorithm: emptied(given['id-token-alg']),
    idTokenEncryption: encryption(given['id-token-encryption']),
    userinfoAlgorithm: emptied(given['userinfo-alg']),
    userinfoEncryption: encryption(given['userinfo-encryption']),
    pairwise: given['sector-host'] === undefined ? given.pairwise : true,
    sector: given['sector-host'],
    defaultMaxAge: given['default-max-age'] === '' ? null : integer('default-max-age', given['default-max-age']),
    postLogoutRedirectUris: cleared(given['post-logout-redirect-uri']),
    backchannelLogoutUri: emptied(given['backchannel-logout-uri']),
    frontchannelLogoutUri: emptied(given['frontchannel-logout-uri']),
  }
}

/** As it is shown, under the names of OpenID Connect Registration §2 where there are any. */
export function presentOpenId(openid: OpenIdSettings) {
  return {
    subject_type: openid.sector === undefined ? 'public' : 'pairwise',
    sector_host: openid.sector,
    id_token_signed_response_alg: openid.idTokenAlgorithm,
    id_token_encrypted_response_alg: openid.idTokenEncryption?.alg,
    id_token_encrypted_response_enc: openid.idTokenEncryption?.enc,
    userinfo_signed_response_alg: openid.userinfoAlgorithm,
    userinfo_encrypted_response_alg: openid.userinfoEncryption?.alg,
    userinfo_encrypted_response_enc: openid.userinfoEncryption?.enc,
    default_max_age: openid.defaultMaxAge,
    post_logout_redirect_uris: openid.postLogoutRedirectUris,
    backchannel_logout_uri: openid.backchannelLogoutUri,
    frontchannel_logout_uri: openid.frontchannelLogoutUri,
  }
}

/** A key that signs with an algorithm comes with the first client that asks for it. */
export async function ensureIdTokenKeys(context: Context, openid: OpenIdSettings): Promise<void> {
  const algorithms = [openid.idTokenAlgorithm, openid.userinfoAlgorithm].filter((one) => one !== undefined)
  await ensureKeys(
    context,
    [...new Set(algorithms)].map((algorithm) => ({ purpose: 'id_token', algorithm })),
  )
}

const emptied = (value: string | undefined) => (value === '' ? null : value)

function encryption(value: string | undefined): AskedEncryption | null | undefined {
  if (value === undefined || value === '') return emptied(value) as null | undefined
  const [alg = '', enc] = value.split(',', 2)
  return { alg, enc }
}
