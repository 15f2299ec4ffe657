import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import ts from 'typescript'
import { afterEach, describe, expect, it } from 'vitest'
import { linesMatching, nodesWhere, ROOT, sources } from '../support/source.js'

const src = sources('src')
const code = [...src, ...sources('scripts')]
const all = [...code, ...sources('test')]

describe('the arrows between folders', () => {
  const cruise = (cwd: string, ...folders: string[]) => {
    const cruiser = join(ROOT, 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs')
    const config = join(ROOT, '.dependency-cruiser.cjs')
    const { stdout, stderr } = spawnSync(
      process.execPath,
      [cruiser, '--config', config, '--output-type', 'json', ...folders],
      { cwd, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 },
    )
    if (!stdout) throw new Error(stderr)
    const { summary } = JSON.parse(stdout) as { summary: { violations: Violation[] } }
    return summary.violations.map(({ rule, from, to }) => `${rule.name}: ${from} → ${to}`)
  }
  type Violation = { rule: { name: string }; from: string; to: string }

  const made: string[] = []
  afterEach(() => {
    for (const folder of made.splice(0)) rmSync(folder, { recursive: true })
  })

  it('all point the way of the design', () => {
    expect(cruise(ROOT, 'src', 'scripts', 'test')).toEqual([])
  })

  it('are refused when they point another way', () => {
    const root = mkdtempSync(join(tmpdir(), 'bulla-arrows-'))
    made.push(root)
    symlinkSync(join(ROOT, 'node_modules'), join(root, 'node_modules'))
    const write = (path: string, text: string) => {
      mkdirSync(dirname(join(root, path)), { recursive: true })
      writeFileSync(join(root, path), text)
    }
    write('tsconfig.json', '{ "compilerOptions": { "module": "NodeNext" } }')
    write(
      'package.json',
      '{ "type": "module", "dependencies": { "express": "*", "pg": "*", "pino": "*", "helmet": "*" } }',
    )
    for (const folder of [
      'crypto',
      'wire',
      'oauth',
      'accounts',
      'keys',
      'revocation',
      'store',
      'http',
      'outbound',
      'jobs',
      'ui',
    ]) {
      write(`src/${folder}/a.ts`, 'export const a = 1\nexport type A = number\n')
    }
    write('src/deps.ts', "export { a } from './store/a.js'\nexport { a as b } from './http/a.js'\n")
    write('src/store/allowed.ts', "import type { A } from '../oauth/a.js'\nexport const a: A = 1\n")
    write('src/http/allowed.ts', "export { a } from '../oauth/a.js'\nexport { a as b } from '../revocation/a.js'\n")
    const refused = [
      ['crypto-is-a-leaf', 'crypto', '../wire/a.js'],
      ['wire-knows-crypto', 'wire', '../oauth/a.js'],
      ['protocol-knows-wire', 'oauth', '../http/a.js'],
      ['protocol-knows-wire', 'accounts', '../store/a.js'],
      ['protocol-knows-wire', 'keys', '../outbound/a.js'],
      ['protocol-knows-wire', 'revocation', '../jobs/a.js'],
      ['http-knows-protocol', 'http', '../store/a.js'],
      ['http-knows-protocol', 'http', '../outbound/a.js'],
      ['store-knows-only-types', 'store', '../oauth/a.js'],
      ['store-knows-types', 'store', '../http/a.js'],
      ['outbound-is-a-leaf', 'outbound', '../crypto/a.js'],
      ['jobs-know-protocol', 'jobs', '../store/a.js'],
      ['ui-is-a-leaf', 'ui', '../oauth/a.js'],
      ['sdk-knows-wire', 'resource-server', '../oauth/a.js'],
      ['no-process-files', 'http', '../deps.js'],
      ['express-in-http', 'oauth', 'express'],
      ['express-in-http', 'store', 'pino'],
      ['postgres-in-store', 'http', 'pg'],
      ['sockets-at-the-edge', 'oauth', 'node:http'],
      ['sockets-at-the-edge', 'accounts', 'fs/promises'],
      ['sockets-at-the-edge', 'wire', 'node:child_process'],
      ['resolvable', 'http', './nowhere.js'],
      ['declared', 'http', 'vitest'],
      ['no-tests-in-src', 'http', '../../test/a.js'],
    ] as const
    write('test/a.ts', 'export const a = 1\n')
    refused.forEach(([, folder, target], index) => {
      write(`src/${folder}/refused-${index}.ts`, `import * as a from '${target}'\nexport const x = a\n`)
    })
    write('src/http/one.ts', "import { two } from './two.js'\nexport const one = () => two\n")
    write('src/http/two.ts', "import { one } from './one.js'\nexport const two = () => one\n")

    const violations = cruise(root, 'src', 'test')
    refused.forEach(([rule, folder], index) => {
      expect(violations).toContainEqual(expect.stringContaining(`${rule}: src/${folder}/refused-${index}.ts → `))
    })
    expect(violations).toContainEqual(expect.stringContaining('no-cycles: src/http/one.ts'))
    expect(violations.filter((one) => one.includes('allowed'))).toEqual([])
    expect(violations.filter((one) => one.includes(': src/deps.ts'))).toEqual([])
  })
})

describe('a file', () => {
  it('has fewer than 400 lines, and half of them fewer than 90', () => {
    expect(code.filter(({ lines }) => lines.length > 400).map(({ path }) => path)).toEqual([])
    const lengths = src.map(({ lines }) => lines.length).sort((a, b) => a - b)
    expect(lengths[Math.floor(lengths.length / 2)]).toBeLessThan(90)
  })

  it('has a name in kebab-case that says what is in it', () => {
    const vague = /^(?:utils?|helpers?|common|manager|service|types|misc)\b/
    const wrong = all.filter(({ path }) => {
      const name = basename(path)
      return !/^[a-z0-9]+(?:-[a-z0-9]+)*(?:\.(?:test|config|d))*\.[cm]?[jt]s$/.test(name) || vague.test(name)
    })
    expect(wrong.map(({ path }) => path)).toEqual([])
  })

  it('reads the environment only in main, config and scripts', () => {
    const allowed = /^(?:src\/(?:main|config)\.ts|scripts\/)/
    const readers = code
      .filter(({ path }) => !allowed.test(path))
      .flatMap((file) => linesMatching(file, /process\.env/))
    expect(readers).toEqual([])
  })

  it('leaves nothing for later', () => {
    expect(all.flatMap((file) => linesMatching(file, new RegExp('\\b(?:TO' + 'DO|FIX' + 'ME|X' + 'XX)\\b')))).toEqual(
      [],
    )
  })

  it('exports by name', () => {
    const defaults = src.flatMap((file) => nodesWhere(file, (node) => ts.isExportAssignment(node) || isDefault(node)))
    expect(defaults).toEqual([])
  })
})

describe('a citation', () => {
  it('is always written RFC 0000 §0.0', () => {
    // A name (toRFC5952String) is no citation; anything else that names an RFC says where in it.
    const other = /(?<![A-Za-z])RFC(?! \d{3,5} §[0-9A-Z])|\brfc ?\d|(?<![A-Za-z])RFC \d{3,5} §[^ ]*[Ss]ection/
    expect(src.flatMap((file) => linesMatching(file, other))).toEqual([])
  })
})

describe('a function', () => {
  it('takes three parameters at most', () => {
    // Express knows an error handler by its four.
    const wide = src.flatMap((file) =>
      nodesWhere(
        file,
        (node) =>
          ts.isFunctionLike(node) &&
          node.parameters.length > 3 &&
          !(
            node.parent &&
            ts.isVariableDeclaration(node.parent) &&
            node.parent.type?.getText() === 'ErrorRequestHandler'
          ),
      ),
    )
    expect(wide).toEqual([])
  })

  it('that is exported says what it does', () => {
    const silent = src.flatMap((file) =>
      nodesWhere(file, (node) => isExportedFunction(node) && ts.getJSDocCommentsAndTags(node).length === 0),
    )
    expect(silent).toEqual([])
  })
})

describe('a class', () => {
  it('is an error', () => {
    const others = src.flatMap((file) =>
      nodesWhere(
        file,
        (node) => ts.isClassLike(node) && !/extends \w*Error\b/.test(node.heritageClauses?.[0]?.getText() ?? ''),
      ),
    )
    expect(others).toEqual([])
  })
})

describe('a key', () => {
  // Exports a key it has just read, never one it generated.
  const importer = 'src/crypto/jwk.ts'

  it('that was just generated is never exported as a JWK: on Node 20 that can freeze for ever', () => {
    const exports = src
      .filter(({ path }) => path !== importer)
      .flatMap((file) =>
        nodesWhere(
          file,
          (node) => ts.isCallExpression(node) && /\.export\(\s*\{[^}]*format:\s*['"]jwk['"]/.test(node.getText()),
        ),
      )
    expect(exports).toEqual([])
  })
})

function isDefault(node: ts.Node): boolean {
  return (
    ts.canHaveModifiers(node) && (ts.getModifiers(node) ?? []).some(({ kind }) => kind === ts.SyntaxKind.DefaultKeyword)
  )
}

function isExported(node: ts.Node): boolean {
  return (
    ts.canHaveModifiers(node) && (ts.getModifiers(node) ?? []).some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword)
  )
}

function isExportedFunction(node: ts.Node): boolean {
  if (ts.isFunctionDeclaration(node)) return isExported(node)
  if (!ts.isVariableStatement(node) || !isExported(node)) return false
  return node.declarationList.declarations.some(({ initializer }) => initializer && ts.isArrowFunction(initializer))
}
