import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { expect } from 'vitest'
import { uuidToBase64url } from '../../src/crypto/uuid.js'
import type { TokenClaims } from '../../src/oauth/ports.js'
import type { Grant } from '../../src/oauth/records.js'
import { knownAtOnce } from '../../src/revocation/at-once.js'
import { createKnownRevocations } from '../../src/revocation/known-revocations.js'
import { createDirectory } from '../../src/store/directory.js'
import { createEndings } from '../../src/store/endings.js'
import { createGrants } from '../../src/store/grants.js'
import { readInstallation } from '../../src/store/installation.js'
import { silent } from '../../src/store/log.js'
import { createRevocations } from '../../src/store/revocations.js'
import { createView } from '../../src/store/view.js'
import { eventually } from './eventually.js'
import { makeGrant, makeKey, makeSession, makeWorld, type Stage, type World } from './fixtures.js'

const PUBLIC_URL = 'https://id.example.com'
/** Signs every token here. */
export const KEY = 'key-1'

export type Issued = { world: World; session: string; grant: Grant; claims: TokenClaims }

/** Processes that judge tokens from memory, over one database, and tokens for them to judge. */
export function introspectingProcesses(stage: Stage) {
  const opened: (() => unknown)[] = []

  const sql = async (text: string, ...values: unknown[]) => (await stage.pool.query(text, values)).rows
  const revisionOf = async ({ tenant }: World) =>
    Number((await sql('SELECT revision FROM revisions WHERE tenant_id = $1', tenant.id))[0].revision)

  /**
   * What one process over the database knows, and the ports through which it ends things. `patience`: milliseconds for a connection, and
   * six times as many for an answer; over a connection that may be cut or stall, little.
   */
  async function openProcess({
    within = 60,
    connection = stage.database.connection,
    interval = 500,
    patience = 20_000,
  } = {}) {
    const limits = { connectionTimeoutMillis: patience, query_timeout: 6 * patience }
    const pool = new pg.Pool({ ...connection, ...limits, max: 8 })
    pool.on('error', () => {})
    pool.on('connect', (client) => client.on('error', () => {}))
    const view = createView({ pool, maxStaleness: 60, interval, log: silent })
    const directory = createDirectory({ pool, view, publicUrl: PUBLIC_URL, grace: 10 })
    const revocations = createRevocations({ pool, installation: await readInstallation(pool) })
    let judged = 0
    const counted = {
      ...revocations,
      judge: (...about: Parameters<typeof revocations.judge>) => {
        judged += 1
        return revocations.judge(...about)
      },
    }
    const known = createKnownRevocations(
      { ...directory, revocations: counted, watch: view.watch, log: silent },
      { within },
    )
    opened.push(
      () => pool.end(),
      () => view.close(),
      () => known.close(),
    )
    const stores = { grants: createGrants({ pool }), revocations, endings: createEndings({ pool }) }
    async function judge({ world, claims }: Issued) {
      const tenant = await directory.tenants.find(world.tenant.slug)
      if (!tenant) throw new Error('There is no such tenant.')
      return known.judge(tenant, claims, KEY)
    }
    return {
      judge,
      revocations,
      ending: knownAtOnce(stores, known.caughtUp),
      /** Whether it can say so without Postgres. */
      async fromMemory(issued: Issued) {
        const before = judged
        const verdict = await judge(issued)
        return judged === before && verdict
      },
      /** Everything that was committed before is known. */
      async catchUp({ world }: Issued) {
        await known.caughtUp(world.tenant.id)
        await view.catchUp()
      },
    }
  }

  /** From here on it judges tokens of the tenant by itself. */
  const followed = (process: Pick<Awaited<ReturnType<typeof openProcess>>, 'fromMemory'>, issued: Issued) =>
    eventually(async () => expect(await process.fromMemory(issued)).not.toBe(false))

  /** A world with a signing key, in which something was revoked before. */
  async function furnish(): Promise<World> {
    const world = await makeWorld(stage.pool)
    await makeKey(stage.pool, world.tenant.id, { id: KEY })
    // One revocation before, so that the tenant's revision is not zero.
    await sql(`SELECT append_revocation($1, 'jti', 'another')`, world.tenant.id)
    return world
  }

  /** A token under a grant under a session, as the mint makes it now. */
  async function issue(world: World, { kept }: { kept?: Issued } = {}): Promise<Issued> {
    const rev = await revisionOf(world)
    const session = kept?.session ?? (await makeSession(stage.pool, world))
    const grant = kept?.grant ?? (await makeGrant(createGrants(stage), world, { sessionId: session, rev }))
    const at = Math.floor(Date.now() / 1000)
    const claims = {
      iss: `${PUBLIC_URL}/t/${world.tenant.slug}`,
      sub: world.user.id,
      aud: world.api.identifier,
      client_id: world.client.id,
      iat: at,
      exp: at + 300,
      jti: randomUUID(),
      rev,
      grant: uuidToBase64url(grant.id),
      sid: uuidToBase64url(session),
    }
    return { world, session, grant, claims }
  }

  return {
    sql,
    openProcess,
    followed,
    furnish,
    issue,
    /** What is to be closed before the database is, once the test is over. */
    closing: (close: () => unknown) => void opened.push(close),
    async close() {
      for (const close of opened.splice(0).reverse()) await close()
    },
  }
}
