import { createSecretKey } from 'node:crypto'
import { CorruptEnvelopeError, type Envelope } from '../crypto/envelope.js'
import type { PublicSigningJwk, SigningKey, VerificationKey } from '../crypto/jwk.js'
import type { Log } from '../oauth/ports.js'
import type { MacKey } from '../oauth/refresh-token.js'
import type { Kek } from '../wire/wrapped-key.js'
import { openSecret, openSigningKey } from './key-material.js'
import type { KeyGroup, KeyStore, StoredKey } from './ports.js'
import { isSigningPurpose, type SigningPurpose } from './purpose.js'

/** The opened keys of one tenant, as they were at one moment. */
export type TenantKeys = {
  signing(purpose: SigningPurpose, algorithm: string): SigningKey | undefined
  /** Keys that sign or signed access tokens and were not revoked. */
  verification(kid: string): VerificationKey | undefined
  /** The same for ID tokens. */
  idTokenVerification(kid: string): VerificationKey | undefined
  kek(id?: number): Kek | undefined
  mac(id?: number): MacKey | undefined
  secret(purpose: 'permutation' | 'cookie' | 'pairwise'): Buffer | undefined
  /** What verifiers may trust now or soon, RFC 7517 §5. */
  published: readonly PublicSigningJwk[]
}

/** Remembers what `load` gave until the tenant's administrative state may have changed. */
export type Remember = <T>(
  what: { readonly tenantId: string; readonly kind: string; readonly key: string },
  load: () => Promise<T | undefined>,
) => Promise<T | undefined>

export type Keyring = {
  /** What `pick` finds among the tenant's keys; undefined when it finds nothing in the database either. */
  find<T>(tenantId: string, pick: (keys: TenantKeys) => T | undefined): Promise<T | undefined>
  /** As `find`, for the active key of a group, made where there is none yet. Throws when none can be had. */
  active<T>(tenantId: string, group: KeyGroup, pick: (keys: TenantKeys) => T | undefined): Promise<T>
  /** All keys of the tenant. */
  all(tenantId: string): Promise<TenantKeys>
}

type KeyringDeps = {
  readonly keys: Pick<KeyStore, 'load'>
  readonly envelope: Envelope
  readonly remember: Remember
  readonly ensure: (tenantId: string, group: KeyGroup) => Promise<void>
  readonly log: Pick<Log, 'error'>
  readonly now: () => number
}

/** Seconds between two looks into the database for keys this process has not heard of: anybody can name unknown ones. */
const RELOAD_INTERVAL = 1

/**
 * The keys of every tenant, opened and kept in memory as long as the view allows. Throws WrongMasterKeyError for a tenant
 * whose keys are under a master key this process was not given; a row that was tampered with is left out and logged.
 */
export function createKeyring({ keys, envelope, remember, ensure, log, now }: KeyringDeps): Keyring {
  const reloads = new Map<string, { at: number; loaded: Promise<TenantKeys> }>()

  const open = async (tenantId: string) => {
    const opened: OpenedKey[] = []
    for (const key of await keys.load(tenantId)) {
      const one = openKey(envelope, tenantId, key)
      if (one) opened.push(one)
      else log.error({ tenant: tenantId, key: key.id, purpose: key.purpose }, 'a key in the database is damaged')
    }
    return tenantKeys(opened)
  }
  const all = async (tenantId: string) =>
    (await remember({ tenantId, kind: 'keys', key: '' }, () => open(tenantId))) ?? open(tenantId)

  function reload(tenantId: string, at: number): Promise<TenantKeys> {
    const last = reloads.get(tenantId)
    if (last && Math.abs(at - last.at) < RELOAD_INTERVAL) return last.loaded
    const loaded = open(tenantId)
    reloads.set(tenantId, { at, loaded })
    loaded.catch(() => reloads.delete(tenantId))
    return loaded
  }

  const find: Keyring['find'] = async (tenantId, pick) =>
    pick(await all(tenantId)) ?? pick(await reload(tenantId, now()))

  return {
    all,
    find,
    async active(tenantId, group, pick) {
      const found = await find(tenantId, pick)
      if (found) return found
      await ensure(tenantId, group)
      const made = pick(await open(tenantId))
      if (!made) throw new Error(`The tenant has no active ${group.purpose} key for ${group.algorithm}.`)
      reloads.delete(tenantId)
      return made
    },
  }
}

type OpenedKey = { readonly key: StoredKey } & ({ readonly signing: SigningKey } | { readonly secret: Buffer })

function openKey(envelope: Envelope, tenantId: string, key: StoredKey): OpenedKey | undefined {
  try {
    return isSigningPurpose(key.purpose)
      ? { key, signing: openSigningKey(envelope, tenantId, key) }
      : { key, secret: openSecret(envelope, tenantId, key) }
  } catch (error) {
    if (error instanceof CorruptEnvelopeError || error instanceof TypeError) return undefined
    throw error
  }
}

function tenantKeys(opened: readonly OpenedKey[]): TenantKeys {
  const signing = opened.filter((one) => 'signing' in one)
  const secrets = opened.filter((one) => 'secret' in one)
  const unrevoked = signing.filter(({ key }) => !key.revokedAt)
  const active = new Map(
    unrevoked
      .filter(({ key }) => key.status === 'active')
      .map(({ key, signing }) => [`${key.purpose} ${key.algorithm}`, signing]),
  )
  const verifying = (purpose: SigningPurpose) => {
    const keys = unrevoked.filter(({ key }) => key.purpose === purpose)
    const byKid = new Map(keys.map(({ signing }) => [signing.kid, signing]))
    return (kid: string) => byKid.get(kid)
  }
  const numbered = (purpose: 'kek' | 'mac') => {
    const keys = secrets
      .filter(({ key }) => key.purpose === purpose)
      .flatMap(({ key, secret }) =>
        key.number === undefined
          ? []
          : [{ id: key.number, key: createSecretKey(secret), isActive: key.status === 'active' }],
      )
    const current = keys.find(({ isActive }) => isActive)
    const byId = new Map(keys.map((key) => [key.id, key]))
    return (id?: number) => (id === undefined ? current : byId.get(id))
  }
  return {
    signing: (purpose, algorithm) => active.get(`${purpose} ${algorithm}`),
    verification: verifying('access_token'),
    idTokenVerification: verifying('id_token'),
    kek: numbered('kek'),
    mac: numbered('mac'),
    secret: (purpose) => secrets.find(({ key }) => key.purpose === purpose && key.status === 'active')?.secret,
    // Derived from the private part, not read from the table: who can write there cannot publish a key of his own.
    published: unrevoked.map(({ signing }) => signing.publicJwk),
  }
}
