import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { ConfigurationError, type Environment, groups, loadConfig, readEnvironment, shareOf } from '../../src/config.js'
import { environmentExample, withTable } from '../../src/config-reference.js'
import { StartError } from '../../src/start-error.js'

const KEY = Buffer.from(Array.from({ length: 32 }, (_, i) => (i * 7 + 3) % 256)).toString('base64')
const POSTGRES = 'postgresql://bulla:secret@db.example:5432/bulla'

function problems(environment: Environment): readonly string[] {
  try {
    loadConfig(environment)
  } catch (error) {
    if (error instanceof ConfigurationError) return error.problems
    throw error
  }
  return []
}

describe('loadConfig', () => {
  it('needs nothing to be set', () => {
    expect(loadConfig({})).toMatchObject({
      publicUrl: 'http://localhost:3000',
      port: 3000,
      host: '127.0.0.1',
      metricsPort: 9464,
      metricsHost: '127.0.0.1',
      dataDir: join(process.cwd(), '.data'),
      autoMigrate: true,
      accessTokenLifetime: 300,
      maxTokenLifetime: 3600,
      grantLifetime: 30 * 86_400,
      grantIdleLifetime: 7 * 86_400,
      refreshGrace: 10,
      keyRotationDays: 90,
      maxStaleness: 5,
      introspectionMaxStaleness: 5,
      argon2MemoryKib: 19_456,
      argon2TimeCost: 2,
      argon2Parallelism: 1,
      trustedProxyHops: 0,
      fetchAllow: ['127.0.0.0/8', '::1/128', 'localhost'],
      logLevel: 'info',
      isHttps: false,
      isLoopback: true,
    })
    expect(loadConfig({}).databaseUrl).toBeUndefined()
    expect(loadConfig({}).masterKey).toBeUndefined()
    expect(loadConfig({}).argon2Processes).toBeGreaterThan(0)
  })

  it('takes an empty variable for one that is not set, and ignores the rest of the environment', () => {
    expect(loadConfig({ PORT: '', PUBLIC_URL: '  ', PATH: '/bin', BULLA_PORT: 'x' })).toEqual(loadConfig({}))
  })

  it('runs one process unless told, as many as told, or one a core', () => {
    expect(loadConfig({}).workers).toBe(1)
    expect(loadConfig({ WORKERS: '3' }).workers).toBe(3)
    expect(loadConfig({ WORKERS: 'auto' }).workers).toBe(availableParallelism())
    for (const wrong of ['0', '-1', '1.5', 'all', '257']) {
      expect(problems({ WORKERS: wrong })).toEqual(['WORKERS must be a whole number from 1 to 256, or auto'])
    }
  })

  it.each([
    { workers: 1, share: { databasePoolSize: 10, argon2Processes: 4, argon2Queue: 64 } },
    { workers: 2, share: { databasePoolSize: 5, argon2Processes: 2, argon2Queue: 32 } },
    { workers: 3, share: { databasePoolSize: 3, argon2Processes: 1, argon2Queue: 21 } },
    { workers: 100, share: { databasePoolSize: 2, argon2Processes: 1, argon2Queue: 1 } },
  ])('shares out what the server may take among $workers workers', ({ workers, share }) => {
    const config = loadConfig({ WORKERS: String(workers), ARGON2_PROCESSES: '4' })
    expect(shareOf(config)).toEqual({ ...config, ...share })
  })

  it('can not be changed afterwards', () => {
    expect(Object.isFrozen(loadConfig({}))).toBe(true)
  })

  it('lets the public URL follow the port', () => {
    expect(loadConfig({ PORT: '4000' }).publicUrl).toBe('http://localhost:4000')
  })

  it('listens on every address and fetches from no private one once the public URL is not loopback', () => {
    const config = loadConfig({ PUBLIC_URL: 'https://login.example' })
    expect(config).toMatchObject({ host: '0.0.0.0', fetchAllow: [], isHttps: true, isLoopback: false })
    expect(loadConfig({ PUBLIC_URL: 'https://login.example', HOST: '10.0.0.1' }).host).toBe('10.0.0.1')
  })

  it.each([
    'https://login.example',
    'https://login.example:8443',
    'http://localhost:3000',
    'http://[::1]:3000',
    'http://127.0.0.2',
  ])('takes the public URL %s', (url) => expect(loadConfig({ PUBLIC_URL: url }).publicUrl).toBe(url))

  it.each([
    ['https://login.example/', 'write https://login.example'],
    ['https://login.example/t', 'write https://login.example'],
    ['https://login.example?a', 'write https://login.example'],
    ['https://user@login.example', 'write https://login.example'],
    ['https://login.example:443', 'write https://login.example'],
    ['https://Login.example', 'write https://login.example'],
    ['http://login.example', 'must be https'],
    ['http://localhost.example', 'must be https'],
    ['ftp://localhost', 'must be an origin'],
    ['login.example', 'must be an origin'],
  ])('refuses the public URL %s', (url, said) => {
    expect(problems({ PUBLIC_URL: url })).toEqual([expect.stringMatching(new RegExp(`^PUBLIC_URL .*${said}`))])
  })

  it.each([KEY, KEY.replace('=', ''), Buffer.from(KEY, 'base64').toString('base64url')])(
    'reads the master key %s',
    (key) => {
      expect(Buffer.from(loadConfig({ MASTER_KEY: key }).masterKey ?? [])).toEqual(Buffer.from(KEY, 'base64'))
    },
  )

  it.each([
    ['31 bytes', Buffer.from(KEY, 'base64').subarray(1).toString('base64')],
    ['33 bytes', Buffer.concat([Buffer.from(KEY, 'base64'), Buffer.from('x')]).toString('base64')],
    ['zeros', Buffer.alloc(32).toString('base64')],
    ['hex', Buffer.from(KEY, 'base64').toString('hex')],
    ['something else', `${KEY.slice(0, 20)} ${KEY.slice(21)}`],
  ])('refuses a master key of %s and does not repeat it', (_, key) => {
    const [problem = ''] = problems({ MASTER_KEY: key })
    expect(problem).toMatch(/^MASTER_KEY must be 32 random bytes/)
    expect(problem).not.toContain(key)
  })

  it('wants a master key with a database of its own, unless the program never uses one', () => {
    expect(problems({ DATABASE_URL: POSTGRES })).toEqual([expect.stringMatching(/^MASTER_KEY is required/)])
    expect(loadConfig({ DATABASE_URL: POSTGRES }, { masterKeyUnused: true }).databaseUrl).toBe(POSTGRES)
    expect(loadConfig({ DATABASE_URL: POSTGRES, MASTER_KEY: KEY }).databaseUrl).toBe(POSTGRES)
  })

  it('never repeats a database URL, which holds a password', () => {
    const [problem = ''] = problems({ DATABASE_URL: 'mysql://bulla:secret@db.example/bulla', MASTER_KEY: KEY })
    expect(problem).toMatch(/^DATABASE_URL must be postgresql:/)
    expect(problem).not.toContain('secret')
  })

  it('takes a database behind a Unix socket', () => {
    const url = 'postgresql:///bulla?host=/run/postgresql'
    expect(loadConfig({ DATABASE_URL: url, MASTER_KEY: KEY }).databaseUrl).toBe(url)
  })

  it('reads what may be fetched from: ranges, addresses, names', () => {
    const list = ' 10.0.0.0/8,fd00::/8, 192.0.2.7 ,2001:DB8::1, API.internal , my_service, .Internal,'
    expect(loadConfig({ FETCH_ALLOW: list }).fetchAllow).toEqual([
      '10.0.0.0/8',
      'fd00::/8',
      '192.0.2.7/32',
      '2001:db8::1/128',
      'api.internal',
      'my_service',
      '.internal',
    ])
  })

  it.each([
    '10.0.0.0/33',
    '010.0.0.0/8',
    '10.0.0',
    '.',
    '..internal',
    'https://api.internal',
    '*',
    'a b',
    '10.0.0.0/8;10.1.0.0/16',
  ])('refuses to allow fetches from %s', (list) =>
    expect(problems({ FETCH_ALLOW: list })).toEqual([expect.stringMatching(/^FETCH_ALLOW must list/)]),
  )

  it.each([
    ['PORT', '0'],
    ['PORT', '65536'],
    ['PORT', '3e3'],
    ['ACCESS_TOKEN_LIFETIME', '5m'],
    ['ACCESS_TOKEN_LIFETIME', '-1'],
    ['REFRESH_GRACE', '301'],
    ['MAX_STALENESS', '1'],
    ['MAX_STALENESS', '61'],
    ['INTROSPECTION_MAX_STALENESS', '-1'],
    ['ARGON2_MEMORY_KIB', '1024'],
    ['TRUSTED_PROXY_HOPS', '1.5'],
    ['AUTO_MIGRATE', 'maybe'],
    ['LOG_LEVEL', 'loud'],
    ['HOST', 'a host'],
  ])('refuses %s=%s', (name, value) => {
    expect(problems({ [name]: value })).toEqual([expect.stringMatching(new RegExp(`^${name} must be `))])
  })

  it('has introspection no staler than everything else, and as stale unless told', () => {
    expect(loadConfig({ MAX_STALENESS: '9' }).introspectionMaxStaleness).toBe(9)
    expect(loadConfig({ INTROSPECTION_MAX_STALENESS: '0' }).introspectionMaxStaleness).toBe(0)
    expect(problems({ INTROSPECTION_MAX_STALENESS: '6' })).toEqual([
      expect.stringMatching(/^INTROSPECTION_MAX_STALENESS must not be above MAX_STALENESS/),
    ])
  })

  it('refuses lifetimes that contradict each other', () => {
    expect(problems({ ACCESS_TOKEN_LIFETIME: '7200' })).toEqual([expect.stringMatching(/MAX_TOKEN_LIFETIME/)])
    expect(problems({ GRANT_LIFETIME: '3600' })).toEqual([expect.stringMatching(/^GRANT_IDLE_LIFETIME/)])
    expect(problems({ SESSION_LIFETIME: '3600' })).toEqual([expect.stringMatching(/^SESSION_IDLE_LIFETIME/)])
  })

  it('says every problem at once, contradictions too, and none that follows from another', () => {
    const environment = {
      PUBLIC_URL: 'x',
      PORT: 'x',
      ACCESS_TOKEN_LIFETIME: '7200',
      GRANT_LIFETIME: '60',
      GRANT_IDLE_LIFETIME: 'x',
      DATABASE_URL: 'x',
    }
    const starts = problems(environment).map((problem) => problem.split(' ')[0])
    expect(starts.sort()).toEqual([
      'ACCESS_TOKEN_LIFETIME',
      'DATABASE_URL',
      'GRANT_IDLE_LIFETIME',
      'MASTER_KEY',
      'PORT',
      'PUBLIC_URL',
    ])
    expect(() => loadConfig(environment)).toThrow(StartError)
  })

  it('refuses one port for two listeners', () => {
    expect(problems({ METRICS_PORT: '3000' })).toEqual([expect.stringMatching(/^METRICS_PORT must differ from PORT/)])
    expect(problems({ METRICS_PORT: '0', PORT: '9464' })).toEqual([])
    expect(problems({ PORT: '9464' })).toHaveLength(1)
  })

  it('refuses a direct URL beside no other', () => {
    expect(problems({ DATABASE_DIRECT_URL: POSTGRES })).toEqual([expect.stringMatching(/^DATABASE_DIRECT_URL/)])
  })
})

describe('readEnvironment', () => {
  const home = process.cwd()
  afterEach(() => {
    process.chdir(home)
    delete process.env['BULLA_TEST_A']
    delete process.env['BULLA_TEST_B']
  })

  it('adds what .env says in the working directory and nothing there overrides', () => {
    const folder = mkdtempSync(join(tmpdir(), 'bulla-env-'))
    writeFileSync(join(folder, '.env'), '# a comment\nBULLA_TEST_A=file\nBULLA_TEST_B="file"\n')
    process.env['BULLA_TEST_A'] = 'process'
    process.chdir(folder)
    expect(readEnvironment()).toMatchObject({ BULLA_TEST_A: 'process', BULLA_TEST_B: 'file' })
    rmSync(folder, { recursive: true })
    expect(readEnvironment()).toMatchObject({ BULLA_TEST_A: 'process' })
  })
})

describe('the reference', () => {
  const names = groups.flatMap(({ shape }) => Object.keys(shape))
  const read = (name: string) => readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8')

  it('describes every setting', () => {
    for (const { shape } of groups) {
      for (const [name, schema] of Object.entries(shape)) expect(schema.meta()?.description, name).toMatch(/\.$/)
    }
  })

  it('is what .env.example says: else run `npm run build && node dist/scripts/print-config.js`', () => {
    expect(read('.env.example')).toBe(environmentExample())
    for (const name of names) expect(read('.env.example')).toContain(`\n#${name}=`)
  })

  it('is what README.md says: else run `npm run build && node dist/scripts/print-config.js`', () => {
    const readme = read('README.md')
    expect(readme).toBe(withTable(readme))
    for (const name of names) expect(readme).toContain(`| \`${name}\` |`)
  })

  it.each([
    ['docker-compose.yml', /^ {6}([A-Z0-9_]+):/gm, ['POSTGRES_USER', 'POSTGRES_DB', 'POSTGRES_PASSWORD']],
    ['Dockerfile', /(?<=^ENV .*)\b([A-Z0-9_]+)=/gm, ['NODE_ENV']],
  ])('knows what %s sets', (file, pattern, foreign) => {
    const set = [...read(file).matchAll(pattern)].map(([, name]) => name)
    expect([...names, ...foreign]).toEqual(expect.arrayContaining(set))
    expect(set.length).toBeGreaterThan(foreign.length)
  })

  it('holds what loadConfig takes', () => {
    const set = environmentExample().replaceAll(/^#(?=[A-Z])/gm, '')
    const environment = Object.fromEntries(
      set
        .split('\n')
        .filter((line) => /^[A-Z]/.test(line))
        .map((line) => line.split(/=(.*)/, 2)),
    )
    expect(Object.keys(environment)).toEqual(names)
    expect(loadConfig(environment)).toEqual(loadConfig({}))
  })
})
