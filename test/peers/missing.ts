import { spawnSync } from 'node:child_process'
import { packages } from './packages.mjs'

/** Before any test with a peer: names what is missing and how to get it, and fails. */
export default function setup(): void {
  const { stdout } = spawnSync('dpkg-query', ['-W', '-f', '${Package} ${Status}\n', ...packages], { encoding: 'utf8' })
  const installed = (stdout ?? '').split('\n').filter((line) => line.endsWith('install ok installed'))
  const missing = packages.filter((name) => !installed.some((line) => line.startsWith(`${name} `)))
  if (missing.length === 0) return
  throw new Error(
    `The tests with peers need Debian packages that are not here.\n  apt-get install --no-install-recommends ${missing.join(' ')}`,
  )
}
