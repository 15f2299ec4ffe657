import { base64urlToUuid } from '#bulla/crypto/uuid.js'
import { createKeyring } from '#bulla/keys/keyring.js'
import { createRefreshTokens } from '#bulla/keys/refresh-tokens.js'
import { REVOKED_KEY_KEPT } from '#bulla/keys/schedule.js'
import { createUnsealer } from '#bulla/keys/unsealer.js'
import { createListKeys } from '#bulla/revocation/list-keys.js'
import { expOfPlace } from '#bulla/revocation/place.js'
import { createGrants } from '#bulla/store/grants.js'
import { createKeyStore } from '#bulla/store/keys.js'
import type { Target } from '#bulla/store/registry/revocations.js'
import { findApi } from './api.js'
import { findClient } from './client.js'
import { command, type Given } from './command.js'
import type { AdminTenant, Context } from './context.js'
import { RefusedError, UsageError } from './errors.js'
import { readLine } from './input.js'
import { openEnvelope, openRotation } from './key-tools.js'
import { UUID } from './listing.js'
import { userNamed } from './user.js'

const TARGETS = {
  token: {
    value: 'T',
    help: 'An access token, or a refresh token and with it its grant; - reads it from standard input.',
  },
  jti: { value: 'J', help: 'An access token, by its `jti`.' },
  grant: { value: 'ID', help: 'A grant, as listed or as in tokens.' },
  session: { value: 'ID', help: 'A browser session and its grants, as listed or as `sid` in tokens.' },
  user: { value: 'E', help: 'Every grant and session of a user, by e-mail address or id.' },
  client: { value: 'ID', help: 'Every grant and token of a client.' },
  api: { value: 'URI', help: 'Every token for an API, by identifier or api_id.' },
  key: { value: 'KID', help: 'Every token signed with a key; another takes its place.' },
  all: { help: 'Everything of the tenant.' },
} as const

type Named = Given<typeof TARGETS>

/** Only one is given; see `check`. */
const isGiven = (value: string | boolean | undefined) => value !== undefined && value !== false

export const revokeCommand = command({
  summary: 'Ends what was issued, at once here and within MAX_STALENESS everywhere else. Nothing revives it.',
  options: TARGETS,
  notes: ['Users, clients and APIs may go on: to stop them too, see `disable` and `delete`.'],
  check(given) {
    const names = (Object.keys(TARGETS) as (keyof typeof TARGETS)[]).filter((name) => isGiven(given[name]))
    if (names.length !== 1)
      throw new UsageError(
        `Give one of ${Object.keys(TARGETS)
          .map((name) => `--${name}`)
          .join(', ')}.`,
      )
  },
  async run(context, given) {
    const tenant = await context.tenant()
    const target = await resolve(context, given, tenant)
    // Opened before anything is revoked: a tenant must not be left without a key to sign with.
    const rotation = target.kind === 'key' ? await openRotation(context) : undefined
    const outcome = await context.revocations.revoke(tenant.id, target, context.by)
    if (outcome === 'nothing')
      throw new RefusedError(`There is nothing to revoke: no such ${target.kind}, or it has ended already.`)
    await rotation?.ensure(tenant.id)
    return {
      json: {
        result: outcome,
        kind: target.kind,
        ...('id' in target ? { id: target.id } : {}),
        ...('issuer' in target ? { issuer: target.issuer } : {}),
        ...('jti' in target ? { jti: target.jti } : {}),
      },
    }
  },
})

async function resolve(context: Context, given: Named, tenant: AdminTenant): Promise<Target> {
  if (given.token !== undefined) {
    return openToken(context, tenant, given.token === '-' ? await readLine('The token') : given.token)
  }
  if (given.jti !== undefined) return tokenOfId(context, tenant, given.jti)
  if (given.grant !== undefined) return { kind: 'grant', id: uuid('grant', given.grant) }
  if (given.session !== undefined) return { kind: 'session', id: uuid('session', given.session) }
  if (given.user !== undefined) return { kind: 'user', id: (await userNamed(context, given.user)).id }
  if (given.client !== undefined) return { kind: 'client', id: (await findClient(context, given.client)).id }
  if (given.api !== undefined) {
    const named = given.api.startsWith('api_') ? { id: given.api } : { identifier: given.api }
    return { kind: 'api', id: (await findApi(context, named)).id }
  }
  if (given.key !== undefined) return { kind: 'key', id: given.key, keep: REVOKED_KEY_KEPT }
  return { kind: 'tenant', issuer: tenant.issuer }
}

/** Ids stand as UUIDs in lists and in base64url in tokens. */
function uuid(option: string, text: string): string {
  const id = UUID.test(text) ? text : base64urlToUuid(text)
  if (id === undefined) throw new RefusedError(`--${option} must be an id as it is listed, or as it stands in a token.`)
  return id
}

/** What a token is: nothing of it is believed before it is proved to be one of ours. */
async function openToken(context: Context, tenant: AdminTenant, token: string): Promise<Target> {
  const keyring = await openKeyring(context)
  const refreshTokens = createRefreshTokens({ keyring })
  const parsed = refreshTokens.parse(token)
  if (parsed) {
    const grant = await createGrants({ pool: context.database.pool }).find(tenant.id, parsed.grantId)
    if (!grant || !(await refreshTokens.verify(token, grant))) throw notOurs(tenant)
    return { kind: 'grant', id: grant.id }
  }
  const opened = await createUnsealer({ keyring }).open(tenant, token)
  if ('unreadable' in opened) throw notOurs(tenant)
  const { place } = opened
  const { jti, exp, sub, client_id, grant } = opened.claims
  if (exp <= Date.now() / 1000) throw new RefusedError('The token has expired: there is nothing to revoke.')
  return {
    kind: 'token',
    jti,
    place,
    about: { client: client_id, ...(grant === undefined ? {} : { user: sub, grant }) },
  }
}

const notOurs = ({ slug }: AdminTenant) => new RefusedError(`The token is none that the tenant ${slug} issued.`)

/** A token nobody has at hand: its id says where it stands in the status lists. */
async function tokenOfId(context: Context, tenant: AdminTenant, jti: string): Promise<Target> {
  const keyring = await openKeyring(context)
  const secret = (await keyring.all(tenant.id)).secret('permutation')
  const place = secret && createListKeys()(secret).tokenIds.placeOf(jti)
  if (place !== undefined && expOfPlace(place) <= Date.now() / 1000) {
    throw new RefusedError('The token has expired: there is nothing to revoke.')
  }
  // An id that is none of ours is listed all the same: the token may be older than the lists.
  return { kind: 'token', jti, place, about: {} }
}

const openKeyring = async (context: Context) =>
  createKeyring({
    keys: createKeyStore(context.database.pool),
    envelope: await openEnvelope(context),
    remember: (_, load) => load(),
    // Nothing is signed here.
    ensure: async () => {},
    log: context.log,
    now: () => Date.now() / 1000,
  })
