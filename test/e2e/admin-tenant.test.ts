import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { adminHere, makeDefaultTenant } from '../support/admin.js'
import { type TestDatabase, testDatabase } from '../support/database.js'
import { pictures } from '../support/pictures.js'
import { type Environment, installation } from '../support/server.js'

describe('admin tenant update', { timeout: 240_000 }, () => {
  let database: TestDatabase
  let env: Environment
  const folder = mkdtempSync(join(tmpdir(), 'bulla-logo-'))
  const file = (name: string, content: string | Buffer) => {
    writeFileSync(join(folder, name), content)
    return join(folder, name)
  }

  beforeAll(async () => {
    database = await testDatabase()
    await makeDefaultTenant(database.connection)
    env = await installation(database.url)
  })
  afterAll(async () => {
    await database.drop()
    rmSync(folder, { recursive: true })
  })

  const tenant = (...args: readonly string[]) => adminHere(env, ['tenant', ...args, '--json'])

  test('changes how people see the default tenant, value by value', async () => {
    const logo = file('logo.svg', pictures.png.bytes)
    const updated = await tenant(
      ...['update', '--name', 'Acme', '--accent', '#0B5FFF', '--accent-dark', '#8ab4ff', '--logo', logo],
      ...['--help-uri', 'https://acme.example/help', '--privacy-uri', 'https://acme.example/privacy'],
    )
    expect(updated.stderr).toBe('')
    const look = {
      name: 'Acme',
      accent: '#0b5fff',
      accent_dark: '#8ab4ff',
      help_uri: 'https://acme.example/help',
      privacy_uri: 'https://acme.example/privacy',
      logo: 'image/png',
    }
    expect(JSON.parse(updated.stdout)).toMatchObject(look)
    expect((await tenant('update', '--slug', 'default', '--accent-dark', '', '--no-logo')).code).toBe(0)
    const { accent_dark: _, logo: __, ...rest } = look
    const shown = JSON.parse((await tenant('show')).stdout)
    expect(shown).toMatchObject(rest)
    expect(shown).not.toHaveProperty('accent_dark')
    expect(shown).not.toHaveProperty('logo')
    const audited = JSON.parse((await adminHere(env, ['audit', 'list', '--json'])).stdout)
    expect(JSON.stringify(audited)).toContain('tenant.updated')
  })

  test.each([
    ['a colour nobody can read', ['--accent', '#ffcc00'], 1, /^--accent #ffcc00 can't be read on light surfaces/],
    ['an address that is not https', ['--help-uri', 'http://acme.example'], 1, /^--help-uri .* must be https/],
    ['no file', ['--logo', '/nowhere/logo.png'], 1, /^--logo \/nowhere\/logo\.png can't be read/],
    ['nothing to change', [], 2, /at least one thing/],
  ])('refuses %s, in words', async (_, args, code, message) => {
    const refused = await tenant('update', ...args)
    expect(refused).toMatchObject({ code, stderr: expect.stringMatching(message) })
  })

  test('refuses an SVG, whatever it is called', async () => {
    const svg = file('logo.png', '<svg xmlns="http://www.w3.org/2000/svg"></svg>')
    const { code, stderr } = await tenant('update', '--logo', svg)
    expect([code, stderr]).toEqual([1, '--logo must be a PNG, JPEG or WebP file.\n'])
  })
})
