import { refreshApiKeys } from '#bulla/keys/api-keys.js'
import {
  type ApiSettings,
  apiWarnings,
  changeApi,
  changeApiAndKeys,
  checkKeys,
  registerApi,
} from '#bulla/oauth/registration/api.js'
import { newApiCredentials, newSecret } from '#bulla/oauth/registration/credentials.js'
import { createApiKeyStore } from '#bulla/store/api-keys.js'
import { silent } from '#bulla/store/log.js'
import type { ApiRecord } from '#bulla/store/registry/apis.js'
import { checkKeyOptions, createFetchJson, GENERATED, type GivenKeys, givenKeys, KEY_OPTIONS } from './api-keys.js'
import { command, integer } from './command.js'
import type { Context } from './context.js'
import { RefusedError, UsageError } from './errors.js'
import { ensureKeys } from './key-tools.js'
import { PAGE, page } from './listing.js'
import { type Answer, listing } from './output.js'
import { SHOWN_ONCE } from './password.js'
import { algorithms, scopeTexts, words } from './values.js'

const WHICH = {
  identifier: { value: 'URI', help: 'The API, byte for byte.' },
  id: { value: 'ID', help: 'Or by api_id.' },
} as const

const SETTINGS = {
  'scope-text': {
    value: 'S=TEXT',
    multiple: true,
    help: 'What a scope allows, in the words people read when an app asks for it; S= takes them away. Repeatable.',
  },
  format: { value: 'F', help: 'Of its tokens: sealed (default), signed, or opaque.' },
  alg: {
    value: 'A',
    multiple: true,
    help: 'ECDH-ES (default), ECDH-ES+A256KW or RSA-OAEP-256 to seal; ES256 (default), RS256, PS256 or Ed25519 to sign. Repeatable.',
  },
  enc: { value: 'E', help: 'A256GCM (default) or A128CBC-HS256.' },
  'introspection-alg': {
    value: 'A',
    help: 'What signs introspection responses it asks for as JWTs: RS256 (default), PS256, ES256 or Ed25519.',
  },
  'introspection-encryption': {
    value: 'WHEN',
    help: 'on: introspection responses are encrypted as --alg, --enc and its keys say, and never sent otherwise. off (default).',
  },
  'token-lifetime': { value: 'SECONDS', help: 'How long its access tokens live.' },
} as const

const ENDS = 'Every token for the API ends with it, and nothing revives them.'

type Which = { readonly identifier?: string | undefined; readonly id?: string | undefined }

function checkWhich({ identifier, id }: Which): void {
  if ((identifier === undefined) === (id === undefined)) throw new UsageError('Give either --identifier or --id.')
}

/** Throws RefusedError when there is no such API. */
export async function findApi({ apis, tenant }: Context, { identifier, id }: Which): Promise<ApiRecord> {
  const { id: tenantId, slug } = await tenant()
  const found = await apis.find(tenantId, identifier === undefined ? { id: id ?? '' } : { identifier })
  if (found) return found
  throw new RefusedError(`The tenant ${slug} has no API ${identifier ?? id}. \`admin api list\` names those there are.`)
}

const gone = ({ identifier }: ApiRecord) => new RefusedError(`The API ${identifier} has just been deleted.`)

function present({ id, keys, ...api }: ApiRecord) {
  return {
    api_id: id,
    identifier: api.identifier,
    name: api.name,
    scopes: api.scopes,
    scope_texts: api.descriptions,
    format: api.format,
    signing_alg: api.signingAlgorithm,
    alg: api.encryptionAlgorithm,
    enc: api.encryptionMethod,
    introspection_signed_response_alg: api.introspectionAlgorithm,
    introspection_encryption: api.introspectionEncryption,
    jwks_uri: keys?.jwksUri,
    jwks_fetched_at: keys?.fetchedAt,
    jwks_error: keys?.error,
    token_lifetime: api.tokenLifetime,
    secrets: api.secrets,
    disabled: api.disabled,
    created_at: api.createdAt,
    updated_at: api.updatedAt,
  }
}

/** A key that signs with an algorithm comes with the first API that asks for it. */
async function ensureSigningKeys(context: Context, asked: ApiSettings): Promise<void> {
  const groups = [
    { purpose: 'access_token', algorithm: asked.signingAlgorithm },
    { purpose: 'introspection', algorithm: asked.introspectionAlgorithm },
  ] as const
  await ensureKeys(context, groups)
}

const withPrivate = ({ privateJwk }: GivenKeys | { privateJwk?: undefined }) => ({
  json: privateJwk ? { private_jwk: privateJwk } : {},
  notes: privateJwk ? [GENERATED] : [],
})

export const apiCommands = {
  create: command({
    summary: 'Registers an API that tokens are for.',
    options: {
      identifier: {
        value: 'URI',
        required: true,
        help: 'What clients name it by, and the `aud` of its tokens. It never changes.',
      },
      scope: { value: 'S', multiple: true, required: true, help: 'A scope of the API. Repeatable.' },
      name: { value: 'NAME', help: 'The name people see; the identifier unless told.' },
      ...SETTINGS,
      ...KEY_OPTIONS,
    },
    notes: [
      'An API that is sealed, or has --introspection-encryption on, and brings neither --jwks nor --jwks-uri gets a key pair made',
      'here, as with --generate-key: for development.',
      "api_id and api_secret are the API's credentials for introspection and the revocation list.",
    ],
    check(given) {
      checkChange(given)
      integer('token-lifetime', given['token-lifetime'])
    },
    async run(context, given) {
      const tenant = await context.tenant()
      const { identifier, name, format, enc } = given
      const scopes = words(given.scope) ?? []
      const tokenLifetime = integer('token-lifetime', given['token-lifetime'])
      const settings = registerApi(
        {
          identifier,
          scopes,
          descriptions: scopeTexts(given['scope-text'], scopes),
          name,
          format,
          encryptionMethod: enc,
          tokenLifetime,
          ...algorithms(given.alg),
          ...introspectionSettings(given),
        },
        tenant,
      )
      const isEncrypted = settings.encryptionAlgorithm !== undefined
      const isKeyless = given.jwks === undefined && given['jwks-uri'] === undefined && isEncrypted
      const made = await givenKeys(context, { ...given, 'generate-key': given['generate-key'] ?? isKeyless }, settings)
      const keys = checkKeys(settings, made?.keys)
      const { id, secret, secretHash } = newApiCredentials()
      if ((await context.apis.create(tenant.id, { id, settings, keys, secretHash }, context.by)) === 'taken') {
        throw new RefusedError(
          `There is an API ${identifier} already: see \`admin api show --identifier ${identifier}\`.`,
        )
      }
      await ensureSigningKeys(context, settings)
      const { api_id, ...record } = present(await findApi(context, { id }))
      const { json, notes } = withPrivate(made ?? {})
      return {
        json: { api_id, api_secret: secret, ...record, ...json },
        notes: [SHOWN_ONCE('api_secret'), ...notes, ...apiWarnings(settings).map((warning) => `Warning: ${warning}`)],
      }
    },
  }),

  list: command({
    summary: 'Lists the APIs, the oldest first.',
    options: PAGE,
    check: (given) => void page(given),
    async run(context, given) {
      const { items, next } = await context.apis.list((await context.tenant()).id, page(given))
      return listing('apis', { items: items.map(present), next }, [
        'api_id',
        'identifier',
        'format',
        'scopes',
        'disabled',
      ])
    },
  }),

  show: command({
    summary: 'Shows one API and the keys it is sealed for.',
    options: WHICH,
    check: checkWhich,
    async run(context, given) {
      const api = await findApi(context, given)
      return { json: { ...present(api), jwks: api.keys?.jwks } }
    },
  }),

  update: command({
    summary: 'Changes what is named; --scope replaces all scopes.',
    options: {
      ...WHICH,
      name: { value: 'NAME', help: 'The name people see.' },
      scope: { value: 'S', multiple: true, help: 'A scope of the API. Repeatable.' },
      ...SETTINGS,
      ...KEY_OPTIONS,
    },
    notes: ['An empty --token-lifetime is the default of the server. Tokens that were issued stay as they are.'],
    check({ identifier, id, ...given }) {
      checkWhich({ identifier, id })
      checkChange(given)
      if (given['token-lifetime'] !== '') integer('token-lifetime', given['token-lifetime'])
      const names = ['name', 'scope', ...Object.keys({ ...SETTINGS, ...KEY_OPTIONS })]
      if (names.every((name) => !(name in given))) throw new UsageError('Name at least one thing to change.')
    },
    run: (context, given) => change(context, given),
  }),

  'set-keys': command({
    summary: 'Replaces the keys an API is sealed for, and its algorithm with them if told.',
    options: { ...WHICH, alg: SETTINGS.alg, enc: SETTINGS.enc, ...KEY_OPTIONS },
    notes: ['Tokens that were sealed stay as they are: the API keeps the old private key until the last has expired.'],
    check({ identifier, id, ...given }) {
      checkWhich({ identifier, id })
      checkChange(given)
      if (!given.jwks && !given['jwks-uri'] && !given['generate-key']) {
        throw new UsageError('Give one of --jwks, --jwks-uri and --generate-key.')
      }
    },
    run: (context, given) => change(context, given),
  }),

  'refresh-keys': command({
    summary: 'Fetches the keys of an API from its jwks_uri now.',
    options: WHICH,
    check: checkWhich,
    async run(context, given) {
      const api = await findApi(context, given)
      if (api.keys?.jwksUri === undefined)
        throw new RefusedError(`The API ${api.identifier} has no jwks_uri: use \`admin api set-keys\`.`)
      const tenant = await context.tenant()
      const fetched = await refreshApiKeys(
        { tenantId: tenant.id, apiId: api.id },
        { apiKeys: createApiKeyStore(context.database.pool), fetchJson: await createFetchJson(context), log: silent },
        context.by,
      )
      if (!fetched) throw gone(api)
      if (fetched.result === 'failed') {
        throw new RefusedError(
          `The keys can't be fetched from ${api.keys.jwksUri}: ${fetched.reason} The last good set stays.`,
        )
      }
      return { json: { ...present(await findApi(context, { id: api.id })), result: fetched.result } }
    },
  }),

  'rotate-secret': command({
    summary: 'Gives an API another secret; the one before stays good until the next rotation.',
    options: WHICH,
    check: checkWhich,
    notes: ['Rotate twice to end the secret that is in use.'],
    async run(context, given) {
      const api = await findApi(context, given)
      const { secret, secretHash } = newSecret()
      const outcome = await context.apis.rotateSecret(
        (await context.tenant()).id,
        { id: api.id, secretHash },
        context.by,
      )
      if (outcome.result === 'unknown') throw gone(api)
      return {
        json: { api_id: api.id, identifier: api.identifier, api_secret: secret, secrets: outcome.secrets },
        notes: [SHOWN_ONCE('api_secret'), `The API has ${outcome.secrets} live secrets now.`],
      }
    },
  }),

  disable: changing('Stops an API: no token is issued for it.', 'disable'),
  enable: changing('Lets a disabled API have tokens again. Nothing that had ended comes back.', 'enable'),
  delete: changing('Deletes an API. Its identifier is free again.', 'delete'),
}

type Change = Which & {
  readonly name?: string | undefined
  readonly scope?: string[] | undefined
  readonly 'scope-text'?: string[] | undefined
  readonly format?: string | undefined
  readonly alg?: string[] | undefined
  readonly enc?: string | undefined
  readonly 'introspection-alg'?: string | undefined
  readonly 'introspection-encryption'?: string | undefined
  readonly 'token-lifetime'?: string | undefined
  readonly jwks?: string | undefined
  readonly 'jwks-uri'?: string | undefined
  readonly 'generate-key'?: boolean | undefined
}

function checkChange(given: Change): void {
  algorithms(given.alg)
  introspectionSettings(given)
  checkKeyOptions(given)
}

function introspectionSettings(given: Change) {
  const encryption = given['introspection-encryption']
  if (encryption !== undefined && encryption !== 'on' && encryption !== 'off') {
    throw new UsageError('--introspection-encryption must be on or off.')
  }
  return {
    introspectionAlgorithm: given['introspection-alg'],
    introspectionEncryption: encryption === undefined ? undefined : encryption === 'on',
  }
}

async function change(context: Context, given: Change): Promise<Answer> {
  const tenant = await context.tenant()
  const api = await findApi(context, given)
  const asked = {
    name: given.name,
    scopes: words(given.scope),
    descriptions: scopeTexts(given['scope-text'], words(given.scope) ?? api.scopes),
    format: given.format,
    encryptionMethod: given.enc,
    tokenLifetime: given['token-lifetime'] === '' ? null : integer('token-lifetime', given['token-lifetime']),
    ...algorithms(given.alg),
    ...introspectionSettings(given),
  }
  // What is slow is done before the row is locked, and checked once more when it is.
  const planned = changeApi(api, asked, tenant)
  const made = await givenKeys(context, given, planned)
  const update = {
    id: api.id,
    change: (current: ApiRecord) => changeApiAndKeys(current, { change: asked, keys: made?.keys }, tenant),
  }
  if ((await context.apis.update(tenant.id, update, context.by)) === 'unknown') throw gone(api)
  await ensureSigningKeys(context, planned)
  const { json, notes } = withPrivate(made ?? {})
  return { json: { ...present(await findApi(context, { id: api.id })), ...json }, notes }
}

function changing(summary: string, act: 'disable' | 'enable' | 'delete') {
  const notes = act === 'enable' ? [] : [ENDS]
  return command({
    summary,
    notes,
    options: WHICH,
    check: checkWhich,
    async run(context, given) {
      const api = await findApi(context, given)
      const outcome = await context.apis[act]((await context.tenant()).id, api.id, context.by)
      if (outcome === 'unknown') throw gone(api)
      return {
        json: { api_id: api.id, identifier: api.identifier, result: outcome },
        notes: outcome === 'unchanged' ? [] : notes,
      }
    },
  })
}
