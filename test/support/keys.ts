import { randomBytes, randomUUID } from 'node:crypto'
import type { Pool } from 'pg'
import { createEnvelope, type Envelope } from '../../src/crypto/envelope.js'
import { generateSigningKey } from '../../src/crypto/jwk.js'
import { createKeyring, type Remember } from '../../src/keys/keyring.js'
import type { KeyStore } from '../../src/keys/ports.js'
import { createRotation } from '../../src/keys/rotation.js'
import type { Log } from '../../src/oauth/ports.js'
import type { SigningAlgorithm, Tenant } from '../../src/oauth/records.js'
import { createKeyStore } from '../../src/store/keys.js'

export const DAY = 86_400
export const LIFETIMES = { rotation: 90 * DAY, idle: 7 * DAY }

/** A tenant's rows. */
export async function insertTenant(pool: Pool, slug: string): Promise<Tenant> {
  const id = randomUUID()
  await pool.query('INSERT INTO tenants (id, slug, name) VALUES ($1, $2, $2)', [id, slug])
  await pool.query('INSERT INTO revisions (tenant_id) VALUES ($1)', [id])
  return {
    id,
    slug,
    name: slug,
    branding: {},
    issuer: `https://login.example/t/${slug}`,
    maxTokenLifetime: 3600,
    disabled: false,
  }
}

export type Line = { readonly level: 'info' | 'warn' | 'error'; readonly message: string } & Record<string, unknown>

/** A log that can be read. */
export function recordingLog(): Log & { readonly lines: Line[] } {
  const lines: Line[] = []
  const write = (level: Line['level']) => (detail: Record<string, unknown>, message: string) => {
    lines.push({ ...detail, level, message })
  }
  return { lines, info: write('info'), warn: write('warn'), error: write('error') }
}

const RING = 32
const rsaKeys = new Map<string, ReturnType<typeof generateSigningKey>>()
let made = 0

/** As `generateSigningKey`, but of RSA keys, which take long to make, a test file has few: no test needs so many at once. */
export function signingKeyOfRing(alg: SigningAlgorithm): ReturnType<typeof generateSigningKey> {
  if (alg !== 'RS256' && alg !== 'PS256') return generateSigningKey(alg)
  const place = `${alg} ${made++ % RING}`
  const key = rsaKeys.get(place) ?? generateSigningKey(alg)
  rsaKeys.set(place, key)
  return key
}

type ProcessOptions = { envelope?: Envelope; now?: () => number; remember?: Remember }

/** What one process has of keys, over a store; it remembers nothing unless told. */
export function keyProcess(keys: KeyStore, options: ProcessOptions = {}) {
  const { envelope = createEnvelope(randomBytes(32)), now = () => 0, remember = (_, load) => load() } = options
  const log = recordingLog()
  const rotation = createRotation({ keys, envelope, lifetimes: LIFETIMES, log, newSigningKey: signingKeyOfRing })
  const keyring = createKeyring({ keys, envelope, log, now, remember, ensure: rotation.ensure })
  return { keys, envelope, log, rotation, keyring }
}

/** One process over a database. */
export const databaseProcess = (pool: Pool, options: ProcessOptions = {}) => keyProcess(createKeyStore(pool), options)
