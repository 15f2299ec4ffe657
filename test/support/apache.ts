import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { eventually } from './eventually.js'

const MODULES = ['mpm_event', 'authn_core', 'authz_core', 'authz_user', 'dir', 'headers', 'auth_openidc']

export type Apache = {
  /** Everything that it has logged. */
  log(): string
  stop(): Promise<void>
}

/** Debian's Apache on loopback, in a folder of its own, with a page at each of the paths. `configuration` is what differs. */
export async function startApache(port: number, pages: readonly string[], configuration: string): Promise<Apache> {
  const folder = mkdtempSync(join(tmpdir(), 'bulla-apache-'))
  // Where this runs as root, the user that Apache becomes must be able to enter.
  chmodSync(folder, 0o755)
  for (const page of pages) {
    mkdirSync(join(folder, 'htdocs', page), { recursive: true })
    writeFileSync(join(folder, 'htdocs', page, 'index.html'), `<!doctype html><title>${page}</title>`)
  }
  const logged = join(folder, 'error.log')
  const file = join(folder, 'apache.conf')
  const modules = MODULES.map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`)
  const own = [
    `ServerName localhost:${port}`,
    `Listen 127.0.0.1:${port}`,
    `PidFile ${folder}/pid`,
    `ErrorLog ${logged}`,
  ]
  const place = [`DefaultRuntimeDir ${folder}`, `DocumentRoot ${folder}/htdocs`, 'DirectoryIndex index.html']
  const user = process.getuid?.() === 0 ? ['User www-data', 'Group www-data'] : []
  writeFileSync(file, [...modules, ...own, ...place, ...user, configuration].join('\n'))
  const child = spawn('/usr/sbin/apache2', ['-d', folder, '-f', file, '-D', 'FOREGROUND'], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const log = () => (existsSync(logged) ? readFileSync(logged, 'utf8') : '')
  const ended = once(child, 'exit')
  await eventually(async () => {
    if (child.exitCode !== null) throw new Error(`Apache ended with ${child.exitCode}: ${log()}`)
    await fetch(`http://127.0.0.1:${port}/`)
  })
  return {
    log,
    async stop() {
      child.kill('SIGTERM')
      await ended
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
