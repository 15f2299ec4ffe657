import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { sizesOf } from '../../bench/package-size.js'

function tree(files: Readonly<Record<string, string>>): string {
  const root = mkdtempSync(join(tmpdir(), 'bulla-size-'))
  onTestFinished(() => rmSync(root, { recursive: true }))
  for (const [file, content] of Object.entries(files)) {
    mkdirSync(join(root, file, '..'), { recursive: true })
    writeFileSync(join(root, file), content)
  }
  return root
}

test('counts what production installs, each file once, and what the image holds beside it', () => {
  const packages = {
    '': {},
    'node_modules/used': {},
    'node_modules/used/node_modules/inner': {},
    'node_modules/tool': { dev: true },
    'node_modules/extra': { optional: true },
    'node_modules/either': { devOptional: true },
    'node_modules/befriended': { peer: true },
  }
  const lock = JSON.stringify({ packages })
  const root = tree({
    'package-lock.json': lock,
    'package.json': '{}',
    'node_modules/used/index.js': 'x'.repeat(100),
    'node_modules/used/runtime/query_compiler_fast_bg.mysql.mjs': 'x'.repeat(5_000),
    'node_modules/used/runtime/query_compiler_small_bg.postgresql.mjs': 'x'.repeat(40),
    'node_modules/used/node_modules/inner/lib/index.js': 'x'.repeat(20),
    'node_modules/tool/index.js': 'x'.repeat(3),
    'node_modules/extra/index.js': 'x'.repeat(3),
    'node_modules/either/index.js': 'x'.repeat(3),
    'node_modules/befriended/index.js': 'x'.repeat(3),
    'dist/main.js': 'x'.repeat(1_000),
    'dist/.tsbuildinfo': 'x'.repeat(7),
    'src/main.ts': 'x'.repeat(7),
  })
  expect(sizesOf(root)).toEqual({ packages: 2, modules: 5_160, image: 1_162 })
})

test('the image keeps what the generated client of Prisma loads', () => {
  const kept = /query_compiler_\S+ ! -name '([^']+)\*' -delete/.exec(readFileSync('Dockerfile', 'utf8'))?.[1] ?? ''
  const loaded = [...readFileSync('src/store/generated/internal/class.ts', 'utf8').matchAll(/import\("([^"]+)"\)/g)]
  expect(loaded.length).toBeGreaterThan(1)
  for (const [, name = ''] of loaded) {
    expect(name).toContain(`/runtime/${kept}`)
    expect(readdirSync('node_modules/@prisma/client/runtime')).toContain(name.split('/').at(-1))
  }
  expect(kept).not.toBe('')
})
