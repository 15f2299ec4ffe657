import type { JsonWebKey } from 'node:crypto'
import { adminHere } from './admin.js'
import { remember } from './issued-secrets.js'
import type { Party } from './issuer.js'
import type { Api, User } from './registrations.js'
import type { Environment } from './server.js'

/** A client that a person comes back to. */
export type RelyingParty = Party & { readonly redirectUri: string }

/**
 * Registers as `registerApi`, `registerClient` and `registerUser` do, in this process and one after the other: each costs milliseconds
 * where a process of its own costs a second. For files that need many.
 */
export function registrar(env: Environment) {
  let last: Promise<unknown> = Promise.resolve()

  async function create(noun: string, args: readonly string[]): Promise<Record<string, unknown>> {
    // The settings are of the whole process.
    const ran = last.then(() => adminHere(env, [noun, 'create', ...args, '--json']))
    last = ran.catch(() => {})
    const { code, stdout, stderr } = await ran
    if (code !== 0) throw new Error(`${noun} create ${args.join(' ')} ended with ${code}: ${stderr}`)
    const made = JSON.parse(stdout) as Record<string, unknown>
    remember(made['client_secret'], made['api_secret'], made['password'])
    return made
  }

  return {
    /** A sealed one, with a pair of keys made there. */
    async api(identifier: string, ...more: readonly string[]): Promise<Api> {
      const made = await create('api', ['--identifier', identifier, ...more])
      const privateJwk = made['private_jwk'] as JsonWebKey
      return { id: String(made['api_id']), secret: String(made['api_secret']), identifier, privateJwk }
    },
    async client(redirectUri: string, ...more: readonly string[]): Promise<RelyingParty> {
      const made = await create('client', ['--name', 'Test', '--redirect-uri', redirectUri, ...more])
      const secret = made['client_secret']
      return { id: String(made['client_id']), redirectUri, ...(typeof secret === 'string' && { secret }) }
    },
    async user(email: string, ...more: readonly string[]): Promise<User> {
      const made = await create('user', ['--email', email, ...more])
      return { id: String(made['user_id']), username: email, password: String(made['password']) }
    },
  }
}
