import { normalizePassword, PasswordRefusedError } from '../crypto/password.js'
import { PASSWORD_ACR } from '../oauth/acr.js'
import { invalidGrant, invalidRequest, temporarilyUnavailable, tooManyRequests } from '../oauth/errors.js'
import type { Ports, SignInSubject } from '../oauth/ports.js'
import type { Actor, Authentication, Client, Judged, Tenant } from '../oauth/records.js'
import { normalizeUsername } from './username.js'

/** What is known of a sign-in so far; whoever carries it between two answers must keep it from being changed. */
export type SignInState = { readonly username?: string }

/** What the person, or the app on their behalf, answered last. */
export type SignInAnswer = { readonly username?: string | undefined; readonly password?: string | undefined }

/** Who signs in where, and from where. `address` as `addressKey` gives it. */
export type SignInContext = {
  readonly tenant: Tenant
  /** Undefined: the account's own page. */
  readonly client: Pick<Client, 'id'> | undefined
  /** Ids of the APIs the grant is to cover. */
  readonly apis: readonly string[]
  readonly address: string
  readonly by: Actor
}

export type SignedIn = Authentication &
  Judged & {
    readonly userId: string
    readonly credentialVersion: number
    readonly clientLive: boolean
    readonly liveApis: readonly string[]
  }

export type SignInStep =
  | { readonly need: 'username' | 'password'; readonly state: SignInState }
  | { readonly done: SignedIn }

type SignInPorts = Pick<Ports, 'users' | 'throttle' | 'passwords' | 'now'>

/**
 * The one way to become signed in: takes a state and an answer, says what is needed next or who it is. REST login, the pages and
 * the challenge endpoint are front ends of it, so that no factor can be walked around.
 *
 * Throws `invalid_grant` for every wrong answer alike, 429 when throttled, 503 when too many passwords are being checked.
 */
export async function next(
  { state, answer }: { state: SignInState; answer: SignInAnswer },
  context: SignInContext,
  ports: SignInPorts,
): Promise<SignInStep> {
  const username = state.username ?? answer.username
  if (username === undefined) return { need: 'username', state }
  // A name given twice must be the same: a state begun for one person is not another's.
  if (answer.username !== undefined && answer.username !== username) throw invalidRequest('The username has changed.')
  if (answer.password === undefined) return { need: 'password', state: { username } }

  const user = await checkPassword({ username, password: passwordOf(answer.password) }, context, ports)
  return { done: { ...user, authTime: new Date(ports.now() * 1000), amr: ['pwd'], acr: PASSWORD_ACR } }
}

function passwordOf(text: string): string {
  try {
    return normalizePassword(text)
  } catch (error) {
    // The same for every user, and said before any is looked up.
    if (error instanceof PasswordRefusedError) throw invalidRequest(error.message, `password_${error.reason}`)
    throw error
  }
}

async function checkPassword(
  { username, password }: { username: string; password: string },
  { tenant, client, apis, address, by }: SignInContext,
  { users, throttle, passwords }: SignInPorts,
): Promise<Omit<SignedIn, keyof Authentication>> {
  // A name no account can have goes the same way as one that no account has.
  const attempt = { username: normalizeUsername(username) ?? '', address }
  const taken = await throttle.take(tenant.id, attempt)
  if (taken !== 'taken') {
    await throttle.refused(tenant.id, attempt, { reason: 'throttled', by, bucket: taken.bucket })
    throw tooManyRequests(`sign_in_throttled_by_${taken.bucket}`, taken.retryAfter)
  }

  const subject = await users.forSignIn(tenant.id, attempt.username, { clientId: client?.id, apis })
  const { ok, rehash } = await passwords.verify(password, subject.user?.passwordHash).catch(async (error: unknown) => {
    // Nothing was checked, so nothing is counted: a full queue must not lock people out.
    await throttle.returned(tenant.id, attempt)
    throw queueFull(error)
  })
  const reason = refusal(subject, ok)
  const { user } = subject
  if (reason || !user) {
    await throttle.refused(tenant.id, attempt, { reason: reason ?? 'user_unknown', by, userId: user?.id })
    throw invalidGrant(reason ?? 'user_unknown')
  }

  await throttle.succeeded(tenant.id, attempt)
  if (rehash && user.passwordHash) {
    // A full queue puts it off to the next sign-in.
    const to = await passwords.hash(password).catch(() => undefined)
    if (to) await users.upgradePassword(tenant.id, user.id, { from: user.passwordHash, to })
  }
  const { rev, wide, clientLive, liveApis } = subject
  return { userId: user.id, credentialVersion: user.credentialVersion, rev, wide, clientLive, liveApis }
}

function refusal({ user }: SignInSubject, passwordFits: boolean): string | undefined {
  if (!user) return 'user_unknown'
  if (!passwordFits) return 'password_wrong'
  return user.disabled ? 'user_disabled' : undefined
}

function queueFull(error: unknown): unknown {
  if (typeof error !== 'object' || error === null || !('retryAfter' in error)) return error
  return typeof error.retryAfter === 'number' ? temporarilyUnavailable('password_queue_full', error.retryAfter) : error
}
