import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, it } from 'vitest'

// How fast anything is does not matter here: whether the benchmarks run, and all they compare answers rightly, does.

const folder = mkdtempSync(join(tmpdir(), 'bulla-bench-test-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function bench(...args: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const file = fileURLToPath(new URL('../bench/run.ts', import.meta.url))
  return new Promise((resolve) => {
    execFile(process.execPath, ['--import', 'tsx', file, ...args], (error, stdout, stderr) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : error ? -1 : 0, stdout, stderr })
    })
  })
}

it('compares tokens and introspections with the peer, and keeps what it found', async () => {
  const [json, markdown] = [join(folder, 'result.json'), join(folder, 'result.md')]
  const { code, stdout, stderr } = await bench('--smoke', '--json', json, '--markdown', markdown, 'token', 'introspect')
  expect(code, stderr).toBe(0)
  const result = JSON.parse(readFileSync(json, 'utf8'))
  expect(result).toMatchObject({
    pace: 'smoke',
    node: process.versions.node,
    postgres: expect.any(String),
    failures: [],
  })
  expect(result.reports.map(({ benchmark }: { benchmark: string }) => benchmark)).toEqual(['token', 'introspect'])
  const goals: { what: string; value: number; met: boolean }[] = result.goals
  expect(goals.map(({ what }) => what)).toEqual([
    ...['X25519', 'P-256', 'RSA'].flatMap((kind) =>
      ['node:http and node:crypto', 'oidc-provider'].map(
        (limit) => `POST /oauth2/token, client_credentials, ${kind}, to ${limit}`,
      ),
    ),
    'POST /oauth2/introspect, sealed, to oidc-provider, opaque',
  ])
  for (const { value, met } of goals)
    expect({ value, met }).toEqual({ value: expect.any(Number), met: expect.any(Boolean) })
  expect(stdout).toContain(readFileSync(markdown, 'utf8').trim())
}, 180_000)

it('names the benchmarks there are to who asks for another', async () => {
  const { code, stderr } = await bench('no-such-benchmark')
  expect(code).toBe(2)
  expect(stderr).toContain('token refresh introspect')
})
