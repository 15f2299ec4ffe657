import {
  type ClientSettings,
  changeClient,
  clientWarnings,
  registerClient,
  strayScopes,
} from '#bulla/oauth/registration/client.js'
import { newClientCredentials, newSecret } from '#bulla/oauth/registration/credentials.js'
import { sectorWarnings } from '#bulla/oauth/registration/openid.js'
import type { ClientRecord } from '#bulla/store/registry/clients.js'
import {
  checkOpenId,
  ensureIdTokenKeys,
  newOpenId,
  OPENID_OPTIONS,
  openIdChange,
  presentOpenId,
} from './client-openid.js'
import { command, integer } from './command.js'
import type { Context } from './context.js'
import { RefusedError, UsageError } from './errors.js'
import { PAGE, page } from './listing.js'
import { listing } from './output.js'
import { SHOWN_ONCE } from './password.js'
import { cleared, words } from './values.js'

const WHICH = { id: { value: 'ID', required: true, help: 'The client_id.' } } as const

const SETTINGS = {
  grant: {
    value: 'G',
    multiple: true,
    help: 'A grant type: authorization_code, refresh_token, client_credentials. Repeatable.',
  },
  'redirect-uri': { value: 'URI', multiple: true, help: 'Where codes are sent, compared byte for byte. Repeatable.' },
  origin: {
    value: 'ORIGIN',
    multiple: true,
    help: 'A browser origin that may call; without, those of https redirect URIs. Repeatable.',
  },
  scope: { value: 'S', multiple: true, help: 'A scope it may have; without, all of its APIs. Repeatable.' },
  api: { value: 'URI', multiple: true, help: 'The identifier of an API it may have tokens for. Repeatable.' },
  'default-resource': { value: 'URI', help: 'Which of its APIs a request is for that names none.' },
  rotation: { value: 'WHEN', help: 'When refresh tokens are replaced: always, or never for a confidential client.' },
  grace: { value: 'SECONDS', help: 'How long a spent refresh token is answered with its successor, 0 to 300.' },
  verified: { help: 'Somebody has checked who is behind it; users are told when nobody has. Or --no-verified.' },
  'require-pushed-requests': { help: 'It must push its authorization requests. Or --no-require-pushed-requests.' },
  ...OPENID_OPTIONS,
} as const

const OPENID_NOTES = [
  'The names of users that --pairwise gives stay as they are while the sector does: without --sector-host it is',
  'the host that all redirect URIs have when they are first asked for. A sector_identifier_uri is for clients that',
  'register themselves.',
]

const ENDS = 'Every grant and token of the client ends with it, and nothing revives them.'

/** Throws RefusedError when there is no such client. */
export async function findClient({ clients, tenant }: Context, id: string): Promise<ClientRecord> {
  const { id: tenantId, slug } = await tenant()
  const found = await clients.find(tenantId, id)
  if (found) return found
  throw new RefusedError(`The tenant ${slug} has no client ${id}. \`admin client list\` names those there are.`)
}

function present({ id, ...client }: ClientRecord) {
  return {
    client_id: id,
    name: client.name,
    public: client.public,
    first_party: client.firstParty,
    grant_types: client.grantTypes,
    redirect_uris: client.redirectUris,
    origins: client.origins,
    scopes: client.scopes,
    apis: client.apis,
    default_resource: client.defaultResource,
    rotation: client.rotation,
    grace: client.grace,
    verified: client.verified || client.firstParty,
    require_pushed_authorization_requests: client.requirePushedRequests,
    ...presentOpenId(client.openid),
    secrets: client.secrets,
    disabled: client.disabled,
    created_at: client.createdAt,
    updated_at: client.updatedAt,
  }
}

/** What is allowed and leads nowhere, a scope that no API of the client has included. */
async function warnings({ apis, tenant }: Context, settings: ClientSettings): Promise<string[]> {
  const { id: tenantId } = await tenant()
  const found = await Promise.all(settings.apis.map((identifier) => apis.find(tenantId, { identifier })))
  const stray = strayScopes(
    settings,
    found.flatMap((api) => api?.scopes ?? []),
  )
  // OpenID Connect Core §8.1: what a client can read it can compare.
  const readable = settings.openid.sector === undefined ? [] : found.filter((api) => api?.format === 'signed')
  return [
    ...clientWarnings(settings),
    ...stray.map((scope) => `None of the client's APIs has the scope ${scope}.`),
    ...readable.map(
      (api) =>
        `Access tokens for ${api?.identifier} are signed alone: the client can read the user's id there, pairwise or not.`,
    ),
  ].map((warning) => `Warning: ${warning}`)
}

const unknownApi = (identifier: string) =>
  new RefusedError(
    `There is no API ${identifier}. \`admin api list\` names those there are, \`admin api create\` makes one.`,
  )

export const clientCommands = {
  create: command({
    summary: 'Registers a client.',
    options: {
      name: { value: 'NAME', required: true, help: 'The name people see.' },
      public: { help: 'It can keep no secret: an app on a device or in a browser.' },
      'first-party': { help: "It is the tenant's own, and may ask for passwords at /auth/login." },
      ...SETTINGS,
    },
    notes: [
      'Without --grant: refresh_token for a client that is public or first-party, with authorization_code when it has redirect',
      'URIs; client_credentials for a confidential one that has none.',
      ...OPENID_NOTES,
    ],
    check(given) {
      integer('grace', given.grace)
      checkOpenId(given)
    },
    async run(context, given) {
      const settings = registerClient({
        name: given.name,
        public: given.public ?? false,
        firstParty: given['first-party'] ?? false,
        grantTypes: given.grant,
        redirectUris: given['redirect-uri'],
        origins: given.origin,
        scopes: words(given.scope),
        apis: given.api,
        defaultResource: given['default-resource'],
        rotation: given.rotation,
        grace: integer('grace', given.grace),
        verified: given.verified,
        requirePushedRequests: given['require-pushed-requests'],
        openid: newOpenId(given),
      })
      const { id, secret, secretHash } = newClientCredentials(settings)
      const outcome = await context.clients.create(
        (await context.tenant()).id,
        { id, settings, secretHash },
        context.by,
      )
      if (outcome.result === 'unknown_api') throw unknownApi(outcome.identifier)
      await ensureIdTokenKeys(context, settings.openid)
      const { client_id, ...record } = present(await findClient(context, id))
      return {
        json: { client_id, client_secret: secret, ...record },
        notes: [...(secret === undefined ? [] : [SHOWN_ONCE('client_secret')]), ...(await warnings(context, settings))],
      }
    },
  }),

  list: command({
    summary: 'Lists the clients, the oldest first.',
    options: PAGE,
    check: (given) => void page(given),
    async run(context, given) {
      const { items, next } = await context.clients.list((await context.tenant()).id, page(given))
      const columns = ['client_id', 'name', 'public', 'first_party', 'grant_types', 'apis', 'disabled']
      return listing('clients', { items: items.map(present), next }, columns)
    },
  }),

  show: command({
    summary: 'Shows one client.',
    options: WHICH,
    async run(context, { id }) {
      const client = await findClient(context, id)
      return { json: { ...present(client), jwks: client.openid.jwks } }
    },
  }),

  update: command({
    summary: 'Changes what is named; an option that repeats replaces all of its kind, an empty one takes them away.',
    options: {
      ...WHICH,
      name: { value: 'NAME', help: 'The name people see.' },
      'first-party': { help: '--first-party, or --no-first-party.' },
      ...SETTINGS,
    },
    notes: ['What was granted stays. Whether a client is public is decided once.', ...OPENID_NOTES],
    check({ id: _, ...given }) {
      if (Object.keys(given).every((name) => !(name in SETTINGS) && name !== 'name' && name !== 'first-party')) {
        throw new UsageError('Name at least one thing to change.')
      }
      if (given.grace !== '') integer('grace', given.grace)
      checkOpenId(given)
    },
    async run(context, given) {
      const change = {
        name: given.name,
        firstParty: given['first-party'],
        grantTypes: cleared(given.grant),
        redirectUris: cleared(given['redirect-uri']),
        origins: cleared(given.origin),
        scopes: words(cleared(given.scope)),
        apis: cleared(given.api),
        defaultResource: given['default-resource'] === '' ? null : given['default-resource'],
        rotation: given.rotation,
        grace: given.grace === '' ? null : integer('grace', given.grace),
        verified: given.verified,
        requirePushedRequests: given['require-pushed-requests'],
        openid: openIdChange(given),
      }
      const { id, openid } = await findClient(context, given.id)
      const update = { id, change: (current: ClientSettings) => changeClient(current, change) }
      const outcome = await context.clients.update((await context.tenant()).id, update, context.by)
      if (outcome.result === 'unknown_api') throw unknownApi(outcome.identifier)
      if (outcome.result === 'unknown') throw gone(id)
      await ensureIdTokenKeys(context, outcome.settings.openid)
      const moved = sectorWarnings(openid, outcome.settings.openid).map((warning) => `Warning: ${warning}`)
      const notes = [...moved, ...(await warnings(context, outcome.settings))]
      return { json: present(await findClient(context, id)), notes }
    },
  }),

  'rotate-secret': command({
    summary: 'Gives a client another secret; the one before stays good until the next rotation.',
    options: WHICH,
    notes: ['What was granted stays. Rotate twice to end the secret that is in use.'],
    async run(context, given) {
      const { id } = await findClient(context, given.id)
      const { secret, secretHash } = newSecret()
      const outcome = await context.clients.rotateSecret((await context.tenant()).id, { id, secretHash }, context.by)
      if (outcome.result === 'public') throw new RefusedError(`The client ${id} is public: it has no secret.`)
      if (outcome.result !== 'rotated') throw gone(id)
      return {
        json: { client_id: id, client_secret: secret, secrets: outcome.secrets },
        notes: [SHOWN_ONCE('client_secret'), `The client has ${outcome.secrets} live secrets now.`],
      }
    },
  }),

  disable: changing('Stops a client: it gets no token.', 'disable'),
  enable: changing('Lets a disabled client work again. Nothing that had ended comes back.', 'enable'),
  delete: changing('Deletes a client.', 'delete'),
}

const gone = (id: string) => new RefusedError(`The client ${id} has just been deleted.`)

function changing(summary: string, act: 'disable' | 'enable' | 'delete') {
  const notes = act === 'enable' ? [] : [ENDS]
  return command({
    summary,
    notes,
    options: WHICH,
    async run(context, given) {
      const { id, name } = await findClient(context, given.id)
      const outcome = await context.clients[act]((await context.tenant()).id, id, context.by)
      if (outcome === 'unknown') throw gone(id)
      return { json: { client_id: id, name, result: outcome }, notes: outcome === 'unchanged' ? [] : notes }
    },
  })
}
