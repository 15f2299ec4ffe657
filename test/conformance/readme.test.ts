import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { expect, it } from 'vitest'
import { routes } from '../../src/app.js'
import { quickStart } from '../../src/ui/quick-start.js'
import { codeBlocks } from '../support/code-blocks.js'

const readme = readFileSync('README.md', 'utf8')
const { scripts }: { scripts: Record<string, string> } = JSON.parse(readFileSync('package.json', 'utf8'))

it('prints in the README the commands that the first start prints', () => {
  const printed = quickStart({ publicUrl: 'http://localhost:3000', dataDir: resolve('.data') })
  const commands = printed.split('\n').flatMap((line) => /^ {2}(\S.*)$/.exec(line)?.[1] ?? [])
  expect(commands).toHaveLength(4)
  const blocks = codeBlocks('README.md').map(({ text }) => text.trim().split('\n'))
  expect(blocks).toContainEqual(commands)
})

it('names only npm scripts that exist', () => {
  const guides = readdirSync('docs/guides').map((page) => `docs/guides/${page}`)
  const pages = ['README.md', 'CONTRIBUTING.md', ...guides].map((page) => readFileSync(page, 'utf8'))
  const named = pages.flatMap((text) => [...text.matchAll(/npm (?:run (?:-s )?)([\w:]+)/g)].map(([, name]) => name))
  expect(named.length).toBeGreaterThan(5)
  expect([...new Set(named)].filter((name) => !scripts[name ?? ''])).toEqual([])
})

it('names every endpoint', () => {
  const missing = routes.filter(({ path }) => !readme.includes(path)).map(({ path }) => path)
  expect(missing).toEqual([])
})

it('links only to files that are there', () => {
  const links = [...readme.matchAll(/\]\((?!https?:)([^)#]+)\)/g)].map(([, path]) => path ?? '')
  expect(links.length).toBeGreaterThan(3)
  expect(links.filter((path) => !existsSync(path))).toEqual([])
})
