import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { codeBlocks } from './code-blocks.js'
import type { Environment } from './server.js'
import { ROOT } from './source.js'

const GUIDE = 'docs/guides/sign-in.md'

/** A reader of docs/guides/sign-in.md in a shell, at addresses of this test's instead of those that stand there. */
export function signInGuide(env: Environment, app: string) {
  const folder = mkdtempSync(join(tmpdir(), 'bulla-guide-'))
  symlinkSync(resolve('node_modules'), join(folder, 'node_modules'))
  const moved = (text: string) =>
    text.replaceAll('http://localhost:3000', env['PUBLIC_URL'] ?? '').replaceAll('http://localhost:3001', app)
  const blocks = codeBlocks(GUIDE).map((block) => ({ ...block, text: moved(block.text) }))
  for (const { file, text } of blocks) if (file) writeFileSync(join(folder, file), text)
  const commands = blocks.filter(({ language }) => language === 'sh').map(({ text }) => text.trim())
  /** What the reader's shell has learned. */
  const exported: Record<string, string> = {}
  const inherited = () => ({ PATH: process.env['PATH'], HOME: process.env['HOME'], ...env, ...exported })

  return {
    /** In the order in which they stand. */
    commands,
    /** Runs one of them as it stands, and answers with what it printed; what it exports is there for the next. */
    async run(command: string): Promise<string> {
      const names = [...command.matchAll(/^export (\w+)=/gm)].map(([, name]) => name ?? '')
      const ask = names.map((name) => `\nprintf '%s' "$${name}" > ${join(folder, name)}`).join('')
      const args = ['-euo', 'pipefail', '-c', `${command}${ask}`]
      const { stdout } = await promisify(execFile)('/bin/bash', args, { cwd: ROOT, env: inherited() })
      for (const name of names) {
        exported[name] = (await promisify(execFile)('/bin/cat', [join(folder, name)])).stdout
      }
      return stdout
    },
    /** Starts the app as the guide does, in a folder that has the packages; answers with how to stop it. */
    start(command: string): () => Promise<void> {
      const child = spawn('/bin/bash', ['-c', `exec ${command}`], {
        cwd: folder,
        env: { ...inherited(), APP: app },
        stdio: ['ignore', 'ignore', 'inherit'],
      })
      return async () => {
        child.kill()
        if (child.exitCode === null && child.signalCode === null) await once(child, 'close')
      }
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}
