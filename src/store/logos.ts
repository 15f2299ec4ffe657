import type { Pool } from 'pg'
import type { Logos } from '../oauth/ports.js'

type Row = { logo: Buffer; logo_type: string }

const FIND = {
  name: 'tenants_logo',
  text: 'SELECT logo, logo_type FROM tenants WHERE id = $1 AND logo IS NOT NULL',
}

/** The tenants' logos in Postgres. They are read when they are asked for: browsers remember them, this process needn't. */
export function createLogos({ pool }: { pool: Pick<Pool, 'query'> }): Logos {
  return {
    async find(tenantId) {
      const { rows } = await pool.query<Row>({ ...FIND, values: [tenantId] })
      const [row] = rows
      return row && { bytes: row.logo, contentType: row.logo_type }
    },
  }
}
