import type { Pool } from 'pg'
import type { Apis } from '../oauth/ports.js'
import type { Api, EncryptionAlgorithm, EncryptionMethod, SigningAlgorithm, TokenFormat } from '../oauth/records.js'
import { isStorable } from './text.js'
import type { RememberingView } from './view.js'

type Row = {
  tenant_id: string
  id: string
  identifier: string
  name: string
  scopes: { name: string; description: string | null }[]
  format: TokenFormat
  signing_algorithm: SigningAlgorithm
  encryption_algorithm: EncryptionAlgorithm | null
  encryption_method: EncryptionMethod | null
  introspection_algorithm: SigningAlgorithm
  introspection_encryption: boolean
  jwks: unknown
  jwks_uri: string | null
  jwks_fetched_at: Date | null
  token_lifetime: number | null
  secret_hashes: Buffer[]
  disabled: boolean
}

const SELECT = `
  SELECT tenant_id, id, identifier, name, format, signing_algorithm, encryption_algorithm, encryption_method, jwks, jwks_uri,
         introspection_algorithm, introspection_encryption, jwks_fetched_at, token_lifetime, secret_hashes, disabled_at IS NOT NULL AS disabled,
         coalesce((SELECT json_agg(json_build_object('name', s.name, 'description', s.description) ORDER BY s.name)
                     FROM api_scopes s WHERE s.tenant_id = a.tenant_id AND s.api_id = a.id), '[]') AS scopes
    FROM apis a`

const FIND = { name: 'apis_find', text: `${SELECT} WHERE tenant_id = $1 AND id = $2 AND deleted_at IS NULL` }
const FIND_BY_IDENTIFIER = {
  name: 'apis_find_by_identifier',
  text: `${SELECT} WHERE tenant_id = $1 AND identifier = $2 AND deleted_at IS NULL`,
}

/** The APIs in Postgres, remembered by the view. */
export function createApis({
  pool,
  view,
}: {
  pool: Pick<Pool, 'query'>
  view: Pick<RememberingView, 'remember'>
}): Apis {
  async function read(statement: typeof FIND, values: [string, string]): Promise<Api | undefined> {
    const { rows } = await pool.query<Row>({ ...statement, values })
    const [row] = rows
    return (
      row && {
        tenantId: row.tenant_id,
        id: row.id,
        identifier: row.identifier,
        name: row.name,
        scopes: row.scopes.map(({ name }) => name),
        descriptions: new Map(
          row.scopes.flatMap(({ name, description }) => (description ? [[name, description]] : [])),
        ),
        format: row.format,
        signingAlgorithm: row.signing_algorithm,
        encryptionAlgorithm: row.encryption_algorithm ?? undefined,
        encryptionMethod: row.encryption_method ?? undefined,
        introspectionAlgorithm: row.introspection_algorithm,
        introspectionEncryption: row.introspection_encryption,
        jwks: row.jwks ?? undefined,
        jwksUri: row.jwks_uri ?? undefined,
        jwksFetchedAt: row.jwks_fetched_at ?? undefined,
        tokenLifetime: row.token_lifetime ?? undefined,
        secretHashes: row.secret_hashes,
        disabled: row.disabled,
      }
    )
  }

  async function find(tenantId: string, apiId: string): Promise<Api | undefined> {
    if (!isStorable(apiId)) return undefined
    return view.remember({ tenantId, kind: 'api', key: apiId }, () => read(FIND, [tenantId, apiId]))
  }

  return {
    find,
    async findByIdentifier(tenantId, identifier) {
      if (!isStorable(identifier)) return undefined
      return view.remember({ tenantId, kind: 'api_identifier', key: identifier }, () =>
        read(FIND_BY_IDENTIFIER, [tenantId, identifier]),
      )
    },
    async list(tenantId, apiIds) {
      const found = await Promise.all(apiIds.map((apiId) => find(tenantId, apiId)))
      return found.flatMap((api) => (api && !api.disabled ? [api] : []))
    },
  }
}
