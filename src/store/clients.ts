import type { Pool } from 'pg'
import type { Clients } from '../oauth/ports.js'
import type { Client, Encryption, SigningAlgorithm } from '../oauth/records.js'
import { isStorable } from './text.js'
import type { RememberingView } from './view.js'

type Row = {
  tenant_id: string
  id: string
  name: string
  public: boolean
  first_party: boolean
  verified: boolean
  grant_types: string[]
  redirect_uris: string[]
  origins: string[]
  scopes: string[]
  apis: string[]
  default_resource: string | null
  rotation: 'always' | 'never'
  grace: number | null
  secret_hashes: Buffer[]
  disabled: boolean
} & OpenIdRow

type OpenIdRow = {
  require_pushed_requests: boolean
  jwks: unknown
  id_token_algorithm: SigningAlgorithm
  id_token_encryption: Encryption['alg'] | null
  id_token_encryption_method: Encryption['enc'] | null
  userinfo_algorithm: SigningAlgorithm | null
  userinfo_encryption: Encryption['alg'] | null
  userinfo_encryption_method: Encryption['enc'] | null
  subject_type: 'public' | 'pairwise'
  sector: string | null
  default_max_age: number | null
  post_logout_redirect_uris: string[]
  backchannel_logout_uri: string | null
  frontchannel_logout_uri: string | null
}

const FIND = {
  name: 'clients_find',
  text: `
    SELECT tenant_id, id, name, public, first_party, grant_types, redirect_uris, origins, scopes, default_resource, rotation,
           grace, secret_hashes, disabled_at IS NOT NULL AS disabled, verified, require_pushed_requests, jwks, id_token_algorithm,
           id_token_encryption, id_token_encryption_method, userinfo_algorithm, userinfo_encryption, userinfo_encryption_method,
           subject_type, sector, default_max_age, post_logout_redirect_uris, backchannel_logout_uri, frontchannel_logout_uri,
           ARRAY(SELECT api_id FROM client_apis WHERE tenant_id = $1 AND client_id = $2 ORDER BY api_id) AS apis
      FROM clients WHERE tenant_id = $1 AND id = $2 AND deleted_at IS NULL`,
}

const ORIGINS = {
  name: 'clients_origins',
  text: `
    SELECT origins, redirect_uris FROM clients
     WHERE tenant_id = $1 AND disabled_at IS NULL AND deleted_at IS NULL AND (origins <> '{}' OR redirect_uris <> '{}')`,
}

/** `grace`: seconds for clients that have none of their own. */
export function createClients({
  pool,
  view,
  grace,
}: {
  pool: Pick<Pool, 'query'>
  view: Pick<RememberingView, 'remember'>
  grace: number
}): Clients {
  async function read(tenantId: string, clientId: string): Promise<Client | undefined> {
    const { rows } = await pool.query<Row>({ ...FIND, values: [tenantId, clientId] })
    const [row] = rows
    return (
      row && {
        tenantId: row.tenant_id,
        id: row.id,
        name: row.name,
        public: row.public,
        firstParty: row.first_party,
        grantTypes: row.grant_types,
        redirectUris: row.redirect_uris,
        origins: effectiveOrigins(row),
        scopes: row.scopes,
        apis: row.apis,
        defaultResource: row.default_resource ?? undefined,
        rotation: row.rotation,
        grace: row.grace ?? grace,
        secretHashes: row.secret_hashes,
        disabled: row.disabled,
        verified: row.verified || row.first_party,
        requirePushedRequests: row.require_pushed_requests,
        openid: openIdOf(row),
      }
    )
  }

  async function readOrigins(tenantId: string): Promise<ReadonlySet<string>> {
    const { rows } = await pool.query<Pick<Row, 'origins' | 'redirect_uris'>>({ ...ORIGINS, values: [tenantId] })
    return new Set(rows.flatMap(effectiveOrigins))
  }

  return {
    async find(tenantId, clientId) {
      if (!isStorable(clientId)) return undefined
      return view.remember({ tenantId, kind: 'client', key: clientId }, () => read(tenantId, clientId))
    },
    async allowsOrigin(tenantId, origin) {
      const origins = await view.remember({ tenantId, kind: 'origins', key: '' }, () => readOrigins(tenantId))
      return origins?.has(origin) ?? false
    },
  }
}

function openIdOf(row: OpenIdRow): Client['openid'] {
  return {
    jwks: row.jwks,
    idTokenAlgorithm: row.id_token_algorithm,
    idTokenEncryption: encryption(row.id_token_encryption, row.id_token_encryption_method),
    userinfoAlgorithm: row.userinfo_algorithm ?? undefined,
    userinfoEncryption: encryption(row.userinfo_encryption, row.userinfo_encryption_method),
    sector: row.subject_type === 'pairwise' ? (row.sector ?? undefined) : undefined,
    defaultMaxAge: row.default_max_age ?? undefined,
    postLogoutRedirectUris: row.post_logout_redirect_uris,
    backchannelLogoutUri: row.backchannel_logout_uri ?? undefined,
    frontchannelLogoutUri: row.frontchannel_logout_uri ?? undefined,
  }
}

const encryption = (alg: Encryption['alg'] | null, enc: Encryption['enc'] | null) =>
  alg === null || enc === null ? undefined : { alg, enc }

function effectiveOrigins({ origins, redirect_uris }: Pick<Row, 'origins' | 'redirect_uris'>): string[] {
  if (origins.length > 0) return origins
  const urls = redirect_uris.filter((uri) => URL.canParse(uri)).map((uri) => new URL(uri))
  return [...new Set(urls.filter(({ protocol }) => protocol === 'https:').map(({ origin }) => origin))]
}
