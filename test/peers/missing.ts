import { spawnSync } from 'node:child_process'
import { packages } from './packages.mjs'

/** Before any test with a peer: names what is missing and how to get it, and fails. */
export default function setup(): void {
  const installed = (name: string) => spawnSync('dpkg', ['--status', name], { encoding: 'utf8' }).stdout
  const missing = packages.filter((name) => !/^Status: install ok installed$/m.test(installed(name) ?? ''))
  if (missing.length === 0) return
  throw new Error(
    `The tests with peers need Debian packages that are not here.\n  apt-get install --no-install-recommends ${missing.join(' ')}`,
  )
}
