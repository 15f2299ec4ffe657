import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, readdirSync, rmdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { ROOT } from '../support/source.js'

let folder: string
let demo: ChildProcess
let said: { stdout: string; stderr: string }

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bulla-demo-test-'))
  chmodSync(folder, 0o711)
})
afterEach(async () => {
  if (demo.exitCode === null && demo.signalCode === null) {
    demo.kill('SIGTERM')
    await once(demo, 'close')
  }
  // It is empty: what the demo made is gone with it.
  rmdirSync(folder)
})

function start(command: string, ...args: string[]): Promise<unknown[]> {
  // From Node 22 on npm leaves what it compiled in the folder for temporary files.
  const own = { TMPDIR: folder, NODE_DISABLE_COMPILE_CACHE: '1' }
  const env = { PATH: process.env['PATH'], HOME: process.env['HOME'], ...own }
  demo = spawn(command, args, { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'pipe'] })
  said = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    demo[name]?.setEncoding('utf8').on('data', (text: string) => {
      said[name] += text
    })
  }
  return once(demo, 'close')
}

it('tells the whole story and leaves nothing behind', { timeout: 240_000 }, async () => {
  expect(await start('npm', 'run', '-s', 'demo')).toEqual([0, null])
  const { stdout } = said
  expect(stdout.match(/^\d(?= )/gm)).toEqual(['1', '2', '3', '4', '5', '6', '7'])
  // The two layers of a token, each as what it is.
  expect(stdout).toMatch(/"enc": "A256GCM",\s+"cty": "JWT"/)
  expect(stdout).toMatch(/"typ": "at\+jwt",\s+"alg": "ES256"/)
  expect(stdout).toMatch(/"aud": "https:\/\/api\.example\.com\/orders"/)
  expect(stdout.match(/✓ /g)).toHaveLength(7)
  expect(stdout.match(/✗ .*: invalid_grant$/gm)).toHaveLength(3)
  expect(stdout).toMatch(/\nDone in \d+\.\d s\./)
  // Pasted into an issue it is text, and wide enough for a terminal of 120 columns.
  expect(stdout).not.toContain('\u001b')
  expect(stdout.split('\n').filter((line) => line.length > 122)).toEqual([])
})

it('stops its server in order when it is interrupted', async () => {
  const ended = start(process.execPath, 'dist/scripts/demo.js')
  await expect.poll(() => said.stdout).toContain('$ npm run -s admin')
  // As under npm: from the terminal, and once more from npm.
  for (let times = 0; times < 2; times++) demo.kill('SIGINT')
  expect(await ended).toEqual([1, null])
  expect(said.stderr).toBe('')
  expect(readdirSync(folder)).toEqual([])
})
