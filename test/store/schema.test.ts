import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { emptyDatabase, type TestDatabase, testDatabase } from '../support/database.js'
import { prismaSchemaSql } from '../support/prisma-schema-sql.js'

const SCHEMA = fileURLToPath(new URL('../../prisma/schema.prisma', import.meta.url))

// What Prisma cannot say, by name. Partitions, fillfactor, CHECKs and functions it cannot say either; they are not compared.
const LISTS = [
  'apis.secret_hashes',
  'authorization_codes.amr',
  'authorization_codes.apis',
  'authorization_codes.scope',
  'clients.grant_types',
  'clients.origins',
  'clients.post_logout_redirect_uris',
  'clients.redirect_uris',
  'clients.scopes',
  'clients.secret_hashes',
  'consents.scope',
  'grants.amr',
  'grants.apis',
  'grants.live',
  'grants.scope',
  'grants.spent_at',
  'sessions.amr',
]
const PARTIAL_INDEXES = ['apis_live_identifier_key', 'keys_one_active_key', 'keys_one_next_key']

type Catalog = Record<'columns' | 'keys' | 'indexes', Record<string, string>>

// Partitions are their parents' affair, and so are the internal keys they inherit.
const COLUMNS = `
  SELECT c.relname || '.' || a.attname AS name,
         format_type(a.atttypid, a.atttypmod) || CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END
           || coalesce(' DEFAULT ' || pg_get_expr(d.adbin, d.adrelid), '') AS definition
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
   WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition`
const KEYS = `
  SELECT conname AS name, c.relname || ' ' || pg_get_constraintdef(k.oid) AS definition
    FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
   WHERE c.relnamespace = 'public'::regnamespace AND NOT c.relispartition AND contype IN ('p', 'f', 'u')`
const INDEXES = `
  SELECT c.relname AS name, replace(pg_get_indexdef(c.oid), ' ON ONLY ', ' ON ') AS definition
    FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('i', 'I') AND NOT c.relispartition`

async function catalogOf({ connection }: TestDatabase, script = ''): Promise<Catalog> {
  const client = new pg.Client(connection)
  await client.connect()
  try {
    if (script) await client.query(script)
    const read = async (query: string) => {
      const { rows } = await client.query<{ name: string; definition: string }>(query)
      const mine = rows.filter(({ name, definition }) => !`${name} ${definition}`.includes('_prisma_migrations'))
      return Object.fromEntries(mine.map(({ name, definition }) => [name, definition]))
    }
    return { columns: await read(COLUMNS), keys: await read(KEYS), indexes: await read(INDEXES) }
  } finally {
    await client.end()
  }
}

const databases: TestDatabase[] = []
let migrated: Catalog
let schema: Catalog
beforeAll(async () => {
  databases.push(await testDatabase(), await emptyDatabase())
  const [ours, prismas] = databases as [TestDatabase, TestDatabase]
  migrated = await catalogOf(ours)
  schema = await catalogOf(prismas, await prismaSchemaSql(SCHEMA, prismas.connection))
})
afterAll(async () => {
  for (const database of databases) await database.drop()
})

const diff = (kind: keyof Catalog, unsaid: readonly string[] = []) => {
  const names = new Set([...Object.keys(migrated[kind]), ...Object.keys(schema[kind])])
  const lines = [...names]
    .filter((name) => !unsaid.includes(name) && migrated[kind][name] !== schema[kind][name])
    .map((name) => `${name}: ${migrated[kind][name] ?? 'missing'}, in schema.prisma ${schema[kind][name] ?? 'missing'}`)
  return lines.sort()
}

describe('the migrations and schema.prisma agree', () => {
  test('on tables and columns, their types, nullability and defaults', () => {
    expect(Object.keys(migrated.columns).length).toBeGreaterThan(150)
    expect(diff('columns', LISTS)).toEqual([])
  })

  test('on lists, but that Prisma lets the database keep NULL and spells the empty one otherwise', () => {
    for (const name of LISTS) {
      const [, type] = /^(.+\[\]) NOT NULL DEFAULT '\{\}'::/.exec(migrated.columns[name] ?? '') ?? []
      expect(type, name).toBeDefined()
      expect(schema.columns[name], name).toMatch(/^\S.* DEFAULT \(?ARRAY\[\]::/)
      expect(schema.columns[name]?.startsWith(`${type} DEFAULT`), name).toBe(true)
    }
  })

  test('on primary and foreign keys, and what they do when a row goes', () => {
    expect(Object.keys(migrated.keys).length).toBeGreaterThan(40)
    expect(diff('keys')).toEqual([])
  })

  test('on indexes, but for partial ones', () => {
    expect(diff('indexes', PARTIAL_INDEXES)).toEqual([])
    for (const name of PARTIAL_INDEXES) expect(migrated.indexes[name], name).toMatch(/^CREATE UNIQUE INDEX .* WHERE /)
  })
})

test('every table belongs to a tenant, in its key and in every foreign key', () => {
  const tables = new Set(Object.keys(migrated.columns).map((name) => name.replace(/\..*/, '')))
  for (const table of tables) {
    if (table === 'tenants' || table === 'installation') continue
    expect(migrated.keys[`${table}_pkey`], table).toMatch(/PRIMARY KEY \(tenant_id\b/)
  }
  const foreign = Object.values(migrated.keys).filter((definition) => definition.includes('FOREIGN KEY'))
  for (const definition of foreign) {
    expect(definition).toMatch(/FOREIGN KEY \(tenant_id\b.* REFERENCES (tenants\(id\)|\w+\(tenant_id, )/)
  }
})
