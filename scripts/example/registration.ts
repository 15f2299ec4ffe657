import { readFileSync, writeFileSync } from 'node:fs'
import type { ServerProcess } from '../server-process.js'

export type ExampleClient = { readonly id: string; readonly secret: string }

/** Who signs in at the example. */
export const EMAIL = 'ada@example.com'

type Admin = ServerProcess['admin']

/**
 * The example as a client of the server, with its addresses as they are now. It is made once: what a second run needs to be the same
 * client, its secret too, is kept in `file`, which its owner alone can read.
 */
export async function registerExample(admin: Admin, appUrl: string, file: string): Promise<ExampleClient> {
  const addresses = [
    ...['--redirect-uri', `${appUrl}/callback`, '--post-logout-redirect-uri', `${appUrl}/signed-out`],
    ...['--backchannel-logout-uri', `${appUrl}/backchannel-logout`],
  ]
  const kept = readKept(file)
  if (kept && (await works(admin(['client', 'update', '--id', kept.id, ...addresses])))) return kept
  const made = await admin(['client', 'create', '--name', 'Example', '--first-party', ...addresses])
  const client = { id: String(made['client_id']), secret: String(made['client_secret']) }
  writeFileSync(file, JSON.stringify(client), { mode: 0o600 })
  return client
}

/** Somebody to sign in as: the password, when she was made just now; undefined when she was there before. */
export async function registerPerson(admin: Admin): Promise<string | undefined> {
  if (await works(admin(['user', 'show', '--email', EMAIL]))) return undefined
  const person = ['--email', EMAIL, '--email-verified', '--name', 'Ada Example', '--claim', 'locale=en-GB']
  return String((await admin(['user', 'create', ...person]))['password'])
}

function readKept(file: string): ExampleClient | undefined {
  try {
    const { id, secret } = JSON.parse(readFileSync(file, 'utf8'))
    return typeof id === 'string' && typeof secret === 'string' ? { id, secret } : undefined
  } catch {
    // The first run, or a file that somebody emptied.
    return undefined
  }
}

const works = (command: Promise<unknown>): Promise<boolean> =>
  command.then(
    () => true,
    () => false,
  )
