import type { JsonWebKey } from 'node:crypto'
import type { Party, Person } from './issuer.js'
import { admin, type Environment, script } from './server.js'

export type Api = Party & { readonly identifier: string; readonly privateJwk: JsonWebKey }
/** A client that people come back to. */
export type RelyingParty = Party & { readonly redirectUri: string }
export type User = Person & { readonly id: string }

/** Registers an API with the operator's script; without keys in `more`, a sealed one comes with a pair made there. */
export async function registerApi(env: Environment, identifier: string, ...more: readonly string[]): Promise<Api> {
  const scope = more.includes('--scope') ? [] : ['--scope', 'read', '--scope', 'write']
  const made = await admin(env, 'api', 'create', '--identifier', identifier, ...scope, ...more)
  const { api_id: id, api_secret: secret, private_jwk: privateJwk } = made
  return { id: String(id), secret: String(secret), identifier, privateJwk: privateJwk as JsonWebKey }
}

/** Registers a client with the operator's script. */
export async function registerClient(env: Environment, ...options: readonly string[]): Promise<Party> {
  const made = await admin(env, 'client', 'create', '--name', 'Test', ...options)
  const secret = made['client_secret']
  return { id: String(made['client_id']), ...(typeof secret === 'string' && { secret }) }
}

/** The same of a client that people come back to. */
export async function registerRelyingParty(
  env: Environment,
  redirectUri: string,
  ...options: readonly string[]
): Promise<RelyingParty> {
  return { ...(await registerClient(env, '--redirect-uri', redirectUri, ...options)), redirectUri }
}

/** Registers a user with the operator's script, with a password made there. */
export async function registerUser(env: Environment, email: string, ...more: readonly string[]): Promise<User> {
  const made = await admin(env, 'user', 'create', '--email', email, ...more)
  return { id: String(made['user_id']), username: email, password: String(made['password']) }
}

/** Gives a user another password, which the operator chose. */
export async function setPassword(env: Environment, { username }: Person, password: string): Promise<void> {
  const { code, stderr } = await script(
    env,
    'admin',
    ['user', 'set-password', '--email', username, '--password-stdin'],
    `${password}\n`,
  )
  if (code !== 0) throw new Error(stderr)
}
