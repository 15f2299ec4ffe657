import { resolve } from 'node:path'

/**
 * What a newcomer reads after the first `npm start`: four commands, copyable as they stand, that end in a token. `admin` finds the
 * same database as this server, so a data directory that is not the default one is named.
 */
export function quickStart({ publicUrl, dataDir }: { publicUrl: string; dataDir: string }): string {
  const where = dataDir === resolve('.data') ? '' : `DATA_DIR=${quoted(dataDir)} `
  const admin = `${where}npm run -s admin --`
  return `
Bulla serves ${publicUrl}

An API, a client, a user, and a token for them:

  ${admin} api create --identifier https://api.example.com --scope orders:read
  CLIENT_ID=$(${admin} client create --name Shop --public --first-party --api https://api.example.com --json | node -pe 'JSON.parse(fs.readFileSync(0)).client_id')
  echo 'correct horse battery staple' | ${admin} user create --email ann@example.com --password-stdin
  curl -s ${publicUrl}/auth/login -H 'Content-Type: application/json' -d '{"client_id":"'$CLIENT_ID'","username":"ann@example.com","password":"correct horse battery staple"}'

People see where they are signed in at ${publicUrl}/account. To see an app sign them in, stop this and run: ${where}npm run example
`
}

const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`
