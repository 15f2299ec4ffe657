// The Debian packages that the tests with peers need, a line each: `apt-get install $(node test/peers/packages.mjs)`.
import { pathToFileURL } from 'node:url'

export const packages = [
  'apache2',
  'chromium',
  'curl',
  'libapache2-mod-auth-openidc',
  'python3-authlib',
  'python3-jwcrypto',
  'python3-requests',
]

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) console.log(packages.join('\n'))
