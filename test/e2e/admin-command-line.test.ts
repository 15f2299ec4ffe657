import { describe, expect, test } from 'vitest'
import { COMMON } from '../../scripts/admin/command.js'
import { NOUNS } from '../../scripts/admin/nouns.js'
import { toJson, toText } from '../../scripts/admin/output.js'
import { adminHere } from '../support/admin.js'

const line = (...args: string[]) => adminHere({}, args)

describe('a command line', () => {
  test('has help on every level', async () => {
    const all = await line('--help')
    expect(all.code).toBe(0)
    for (const [name, noun] of Object.entries(NOUNS)) {
      expect(all.stdout).toContain(`  ${name}`)
      const own = await line(name, '--help')
      expect(own).toMatchObject({ code: 0, stderr: '' })
      const commands = 'run' in noun ? { '': noun } : noun.verbs
      for (const [verb, command] of Object.entries(commands)) {
        if (verb !== '') expect(own.stdout).toContain(`  ${verb}`)
        const { code, stdout } = await line(...(verb === '' ? [name] : [name, verb]), '--help')
        expect(code).toBe(0)
        for (const option of Object.keys({ ...command.options, ...COMMON })) expect(stdout).toContain(`  --${option}`)
        expect(stdout.split('\n').filter((text) => text.length > 125)).toEqual([])
      }
    }
  })

  test.each([
    { name: 'nothing', args: [], says: 'A noun is missing' },
    { name: 'an unknown noun', args: ['users', 'list'], says: 'no noun' },
    { name: "an object's own member", args: ['constructor'], says: 'no noun' },
    { name: 'no verb', args: ['user'], says: 'A verb is missing' },
    { name: 'an unknown verb', args: ['user', 'toString'], says: 'no verb' },
    { name: 'an unknown option', args: ['user', 'list', '--colour'], says: '--colour' },
    { name: 'an option of another command', args: ['user', 'list', '--email', 'a@b'], says: '--email' },
    { name: 'a word too many', args: ['user', 'list', 'all'], says: 'all' },
    { name: 'an option without its value', args: ['user', 'show', '--email'], says: '--email' },
    { name: 'a missing option', args: ['client', 'create'], says: '--name is missing' },
    { name: 'an option twice', args: ['client', 'create', '--name', 'a', '--name', 'b'], says: 'more than once' },
    { name: 'no number', args: ['user', 'list', '--limit', 'x'], says: '--limit' },
    { name: 'too large a number', args: ['user', 'list', '--limit', '5000'], says: '--limit' },
    { name: 'nobody', args: ['user', 'show'], says: '--email or --id' },
    { name: 'nothing to change', args: ['client', 'update', '--id', 'cl_1'], says: 'at least one thing' },
    { name: 'nothing to change of an API', args: ['api', 'update', '--id', 'api_1'], says: 'at least one thing' },
    {
      name: 'keys from two places',
      args: ['api', 'set-keys', '--id', 'a', '--jwks', 'f', '--generate-key'],
      says: 'one of',
    },
    { name: 'keys from nowhere', args: ['api', 'set-keys', '--id', 'a'], says: 'one of' },
    {
      name: 'an unknown algorithm',
      args: ['api', 'create', '--identifier', 'urn:a', '--scope', 's', '--alg', 'none'],
      says: '--alg',
    },
    { name: 'nothing to revoke', args: ['revoke'], says: 'one of' },
    { name: 'two things to revoke', args: ['revoke', '--all', '--user', 'a@b'], says: 'one of' },
    { name: 'nobody whose grants', args: ['grant', 'list'], says: '--user' },
    { name: 'a time nobody knows', args: ['audit', 'list', '--since', 'yesterday'], says: '--since' },
    { name: 'a cursor of nowhere', args: ['audit', 'list', '--cursor', "1'"], says: '--cursor' },
    { name: 'a purpose nobody has', args: ['key', 'list', '--purpose', 'love'], says: '--purpose' },
    { name: 'a secret key to revoke', args: ['key', 'rotate', '--purpose', 'mac', '--revoke'], says: '--revoke' },
  ])('that says $name is not understood', async ({ args, says }) => {
    const { code, stdout, stderr } = await line(...args)
    expect(code).toBe(2)
    expect(stdout).toBe('')
    expect(stderr).toContain(says)
    expect(stderr).toMatch(/See: npm run -s admin -- .*--help\n$/)
  })
})

describe('what is said', () => {
  test('is a line for each thing that is wrong with the configuration', async () => {
    const { code, stderr } = await adminHere({ PORT: 'x', PUBLIC_URL: 'y' }, ['user', 'list'])
    expect(code).toBe(1)
    expect(stderr).toMatch(/^The configuration can't be used:\n(- .+\n){2}$/)
  })

  test('makes no terminal act, whatever a name has come to hold, and is the same name to a program', () => {
    const name = 'a\u001b[2J\u007f\u009b31m\u202e\u2028\ufeff\u{e0001}z'
    for (const said of [toText({ json: { name } }), toJson({ json: { name } })]) {
      expect(said).not.toMatch(/[^\n\P{Cc}]|[\p{Cf}\p{Zl}\p{Zp}]/u)
    }
    expect(JSON.parse(toJson({ json: { name } }))).toEqual({ name })
  })
})
