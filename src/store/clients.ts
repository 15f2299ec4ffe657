import type { Pool } from 'pg'
import type { Clients } from '../oauth/ports.js'
import type { Client } from '../oauth/records.js'
import { isStorable } from './text.js'
import type { RememberingView } from './view.js'

type Row = {
  tenant_id: string
  id: string
  name: string
  public: boolean
  first_party: boolean
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
}

const FIND = {
  name: 'clients_find',
  text: `
    SELECT tenant_id, id, name, public, first_party, grant_types, redirect_uris, origins, scopes, default_resource, rotation,
           grace, secret_hashes, disabled_at IS NOT NULL AS disabled,
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

function effectiveOrigins({ origins, redirect_uris }: Pick<Row, 'origins' | 'redirect_uris'>): string[] {
  if (origins.length > 0) return origins
  const urls = redirect_uris.filter((uri) => URL.canParse(uri)).map((uri) => new URL(uri))
  return [...new Set(urls.filter(({ protocol }) => protocol === 'https:').map(({ origin }) => origin))]
}
