import { parseProfileClaims } from '#bulla/accounts/profile-claims.js'
import { normalizeUsername } from '#bulla/accounts/username.js'
import { parseName } from '#bulla/oauth/registration/name.js'
import type { UserRecord } from '#bulla/store/registry/users.js'
import { command } from './command.js'
import type { Context } from './context.js'
import { RefusedError, UsageError } from './errors.js'
import { PAGE, UUID, uuidPage } from './listing.js'
import { listing } from './output.js'
import { newPassword, PASSWORD_OPTION, SHOWN_ONCE } from './password.js'

const WHO = {
  email: { value: 'EMAIL', help: 'The user, by any spelling of the address.' },
  id: { value: 'ID', help: 'Or by id, the `sub` of tokens.' },
} as const

const ENDS = 'Every session and grant of the user ends with it, and nothing revives them.'

type Who = { readonly email?: string | undefined; readonly id?: string | undefined }

function checkWho({ email, id }: Who): void {
  if ((email === undefined) === (id === undefined)) throw new UsageError('Give either --email or --id.')
}

/** Throws RefusedError when there is no such user. */
export async function findUser({ users, tenant }: Context, { email, id }: Who): Promise<UserRecord> {
  const username = email === undefined ? undefined : normalizeUsername(email)
  const { id: tenantId, slug } = await tenant()
  const found =
    username !== undefined
      ? await users.find(tenantId, { username })
      : id !== undefined && UUID.test(id)
        ? await users.find(tenantId, { id })
        : undefined
  if (found) return found
  throw new RefusedError(`The tenant ${slug} has no user ${email ?? id}. \`admin user list\` names those there are.`)
}

/** An option of another noun that names a user: an address, or an id. */
export const userNamed = (context: Context, named: string): Promise<UserRecord> =>
  findUser(context, named.includes('@') ? { email: named } : { id: named })

function address(email: string): { username: string; email: string } {
  const username = normalizeUsername(email)
  if (username === undefined) throw new RefusedError(`${JSON.stringify(email)} is no e-mail address.`)
  return { username, email: email.normalize('NFC').trim() }
}

function present({ id, email, name, disabled, createdAt, updatedAt, emailVerified, claims }: UserRecord) {
  return {
    user_id: id,
    email,
    email_verified: emailVerified,
    name,
    claims: Object.keys(claims).length > 0 ? claims : undefined,
    disabled,
    created_at: createdAt,
    updated_at: updatedAt,
  }
}

const PROFILE = {
  'email-verified': { help: 'The address is known to be theirs. Or --no-email-verified.' },
  claim: {
    value: 'NAME=VALUE',
    multiple: true,
    help: 'A standard claim of OpenID Connect, such as locale=en-US or address={"country":"NL"}. Repeatable.',
  },
} as const

/** What else could happen to a user between finding and changing. */
function gone(outcome: string, email: string): void {
  if (outcome === 'unknown') throw new RefusedError(`The user ${email} has just been deleted.`)
  if (outcome === 'taken') throw new RefusedError('Another user of the tenant has that address.')
}

export const userCommands = {
  create: command({
    summary: 'Makes a user who signs in with an e-mail address and a password.',
    options: {
      email: {
        value: 'EMAIL',
        required: true,
        help: 'The address, and the user name. One account has all its spellings.',
      },
      name: { value: 'NAME', help: 'The name people see.' },
      ...PROFILE,
      ...PASSWORD_OPTION,
    },
    async run(context, given) {
      const { username, email } = address(given.email)
      const name = given.name === undefined ? undefined : parseName(given.name)
      const about = { name, emailVerified: given['email-verified'], claims: parseProfileClaims(given.claim ?? []) }
      const { id: tenantId } = await context.tenant()
      const { passwordHash, shown } = await newPassword(context, given['password-stdin'])
      const made = await context.users.create(tenantId, { username, email, passwordHash, ...about }, context.by)
      if (made.result === 'taken') {
        throw new RefusedError(
          `There is a user ${email} already, perhaps spelled otherwise: see \`admin user show --email ${username}\`.`,
        )
      }
      return {
        json: { user_id: made.id, email, name, password: shown },
        notes: shown === undefined ? [] : [SHOWN_ONCE('password')],
      }
    },
  }),

  list: command({
    summary: 'Lists the users, the oldest first.',
    options: PAGE,
    check: (given) => void uuidPage(given),
    async run(context, given) {
      const { items, next } = await context.users.list((await context.tenant()).id, uuidPage(given))
      return listing('users', { items: items.map(present), next }, [
        'user_id',
        'email',
        'name',
        'disabled',
        'created_at',
      ])
    },
  }),

  show: command({
    summary: 'Shows one user.',
    options: WHO,
    check: checkWho,
    run: async (context, given) => ({ json: present(await findUser(context, given)) }),
  }),

  update: command({
    summary: 'Changes what is named. Sessions and grants stay.',
    options: {
      ...WHO,
      'new-email': { value: 'EMAIL', help: 'Another address to sign in with.' },
      name: { value: 'NAME', help: 'Another name; an empty one takes it away.' },
      ...PROFILE,
    },
    notes: ['An empty --claim NAME= takes it away; claims that are not named stay.'],
    check(given) {
      checkWho(given)
      const named = [given['new-email'], given.name, given['email-verified'], given.claim]
      if (named.every((one) => one === undefined)) {
        throw new UsageError('Give --new-email, --name, --email-verified or --claim.')
      }
    },
    async run(context, given) {
      const user = await findUser(context, given)
      const change = {
        id: user.id,
        address: given['new-email'] === undefined ? undefined : address(given['new-email']),
        name: given.name === '' ? null : given.name === undefined ? undefined : parseName(given.name),
        emailVerified: given['email-verified'],
        claims: parseProfileClaims(given.claim ?? []),
      }
      gone(await context.users.update((await context.tenant()).id, change, context.by), user.email)
      return { json: present(await findUser(context, { id: user.id })) }
    },
  }),

  'set-password': command({
    summary: 'Gives a user another password.',
    notes: [ENDS],
    options: { ...WHO, ...PASSWORD_OPTION },
    check: checkWho,
    async run(context, given) {
      const user = await findUser(context, given)
      const { passwordHash, shown } = await newPassword(context, given['password-stdin'])
      gone(
        await context.users.setPassword((await context.tenant()).id, { id: user.id, passwordHash }, context.by),
        user.email,
      )
      return {
        json: { user_id: user.id, email: user.email, password: shown },
        notes: shown === undefined ? [ENDS] : [ENDS, SHOWN_ONCE('password')],
      }
    },
  }),

  disable: ending('Stops a user from signing in.', 'disable'),

  enable: command({
    summary: 'Lets a disabled user sign in again. Nothing that had ended comes back.',
    options: WHO,
    check: checkWho,
    async run(context, given) {
      const user = await findUser(context, given)
      const outcome = await context.users.enable((await context.tenant()).id, user.id, context.by)
      gone(outcome, user.email)
      return { json: { user_id: user.id, email: user.email, result: outcome } }
    },
  }),

  logout: ending('Signs a user out everywhere.', 'logout'),

  delete: ending('Deletes a user: the address is free again, and nothing that names the person stays.', 'delete'),
}

function ending(summary: string, act: 'disable' | 'logout' | 'delete') {
  return command({
    summary,
    notes: [ENDS],
    options: WHO,
    check: checkWho,
    async run(context, given) {
      const user = await findUser(context, given)
      const outcome = await context.users[act]((await context.tenant()).id, user.id, context.by)
      gone(outcome, user.email)
      return {
        json: { user_id: user.id, email: user.email, result: outcome },
        notes: outcome === 'unchanged' ? [] : [ENDS],
      }
    },
  })
}
