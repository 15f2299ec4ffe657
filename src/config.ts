import { existsSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { resolve } from 'node:path'
import { z } from 'zod'
import {
  addressOrName,
  allowList,
  base64Key,
  flag,
  integer,
  isLoopback,
  origin,
  postgresUrl,
  workerCount,
} from './config-values.js'
import { StartError } from './start-error.js'

const DAY = 86_400
const LOOPBACK = ['127.0.0.0/8', '::1/128', 'localhost']

// `initial` is for readers: what holds when a setting without a fixed default is unset.

const address = {
  PUBLIC_URL: origin.optional().meta({
    description: 'Where browsers and clients reach the server, an origin: https, or http on loopback. The issuer.',
    initial: '`http://localhost:` and PORT',
  }),
  PORT: integer(1, 65_535).prefault('3000').meta({ description: 'Port to listen on.' }),
  HOST: addressOrName.optional().meta({
    description: 'Address to listen on.',
    initial: '`127.0.0.1` when PUBLIC_URL is loopback, else `0.0.0.0`',
  }),
  METRICS_PORT: integer(0, 65_535).prefault('9464').meta({ description: 'Port of `/metrics`; 0 switches it off.' }),
  METRICS_HOST: addressOrName.prefault('127.0.0.1').meta({ description: 'Address of `/metrics`.' }),
  TRUSTED_PROXY_HOPS: integer(0, 10).prefault('0').meta({
    description: 'How many proxies of yours stand in front and append to `X-Forwarded-For`.',
  }),
}

const processes = {
  WORKERS: workerCount.prefault('1').meta({
    description:
      'Processes that serve, all on PORT; `auto` is one a CPU core. With more than one, another process starts, watches and stops them.',
  }),
}

const storage = {
  DATABASE_URL: postgresUrl.optional().meta({
    description: 'A Postgres 14 or newer, `postgresql://user:password@host:port/database`.',
    initial: 'an embedded Postgres in DATA_DIR, for development',
  }),
  DATABASE_DIRECT_URL: postgresUrl.optional().meta({
    description:
      'The same database past its transaction pooler, when DATABASE_URL leads to one: for LISTEN and migrations.',
    initial: 'DATABASE_URL',
  }),
  DATABASE_POOL_SIZE: integer(2, 500).prefault('10').meta({
    description:
      'Connections of the server at most, shared out among its WORKERS, two for each at least; each worker has one more to listen on, and the process that watches them two while it starts.',
  }),
  AUTO_MIGRATE: flag.prefault('true').meta({
    description: 'Whether to migrate the database at start. If not, run `npm run migrate` before a new release.',
  }),
  DATA_DIR: z.string().prefault('.data').meta({
    description: 'Folder of the embedded Postgres and its generated master key.',
  }),
  MASTER_KEY: base64Key.optional().meta({
    description:
      'Encrypts the private keys in the database: 32 bytes in base64, `openssl rand -base64 32`. Keep a copy.',
    initial: 'required with DATABASE_URL, else generated into DATA_DIR',
  }),
}

const lifetimes = {
  ACCESS_TOKEN_LIFETIME: integer(1, DAY).prefault('300').meta({
    description: 'Seconds an access token lives, unless its API says otherwise.',
  }),
  MAX_TOKEN_LIFETIME: integer(30, DAY).prefault('3600').meta({
    description: 'Seconds no access token of a new tenant lives longer than.',
  }),
  GRANT_LIFETIME: integer(60, 730 * DAY)
    .prefault(`${30 * DAY}`)
    .meta({
      description: 'Seconds from a login until its refresh tokens end, however often used.',
    }),
  GRANT_IDLE_LIFETIME: integer(60, 730 * DAY)
    .prefault(`${7 * DAY}`)
    .meta({
      description: 'Seconds after which an unused refresh token ends.',
    }),
  SESSION_LIFETIME: integer(60, 90 * DAY)
    .prefault(`${12 * 3600}`)
    .meta({ description: 'Seconds from a sign-in in a browser until the browser must sign in again.' }),
  SESSION_IDLE_LIFETIME: integer(60, 90 * DAY)
    .prefault(`${2 * 3600}`)
    .meta({ description: 'Seconds after which an unused sign-in in a browser ends.' }),
  REFRESH_GRACE: integer(0, 300).prefault('10').meta({
    description: 'Seconds a spent refresh token is still answered with its successor. A client may have its own.',
  }),
}

const authorization = {
  REQUIRE_PUSHED_REQUESTS: flag.prefault('false').meta({
    description: 'Whether every client must push its authorization requests, not those alone that are registered so.',
  }),
}

const keys = {
  KEY_ROTATION_DAYS: integer(1, 3650)
    .prefault('90')
    .meta({ description: 'Days after which a signing key is replaced.' }),
  MAX_STALENESS: integer(2, 60).prefault('5').meta({
    description: 'Seconds by which a revocation is in force everywhere. A process that knows less answers 503.',
  }),
  INTROSPECTION_MAX_STALENESS: integer(0, 60).optional().meta({
    description:
      'Seconds by which introspection may be behind what another process revoked; what this one revoked it knows at once. 0: every call asks Postgres.',
    initial: 'that of MAX_STALENESS',
  }),
}

const passwords = {
  // The least that OWASP lists: 7 MiB, with five passes.
  ARGON2_MEMORY_KIB: integer(7_168, 4_194_304)
    .prefault('19456')
    .meta({ description: 'Memory of one password hash, KiB.' }),
  ARGON2_TIME_COST: integer(1, 100).prefault('2').meta({ description: 'Passes of one password hash.' }),
  ARGON2_PARALLELISM: integer(1, 16).prefault('1').meta({ description: 'Lanes of one password hash.' }),
  ARGON2_PROCESSES: integer(1, 256).optional().meta({
    description:
      'Passwords hashed at the same time, each in a process of its own; shared out among the WORKERS, one for each at least.',
    initial: 'one a CPU core',
  }),
  ARGON2_QUEUE: integer(1, 10_000).prefault('64').meta({
    description: 'Sign-ins that may wait; beyond, 503. Shared out among the WORKERS.',
  }),
}

const surroundings = {
  FETCH_ALLOW: allowList.optional().meta({
    description:
      'CIDR ranges and host names (`.internal` stands for all below it), parted by commas, that may be fetched from though they are private, for URLs an operator registered; http too.',
    initial: 'empty, or loopback when PUBLIC_URL is loopback',
  }),
  LOG_LEVEL: z
    .enum(
      ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'],
      'must be one of fatal, error, warn, info, debug, trace, silent',
    )
    .prefault('info')
    .meta({ description: 'fatal, error, warn, info, debug, trace or silent.' }),
}

/** The settings in the order of the reference. */
export const groups: { title: string; shape: Record<string, z.ZodType> }[] = [
  { title: 'Address', shape: address },
  { title: 'Processes', shape: processes },
  { title: 'Storage', shape: storage },
  { title: 'Lifetimes', shape: lifetimes },
  { title: 'Authorization', shape: authorization },
  { title: 'Keys and revocation', shape: keys },
  { title: 'Passwords', shape: passwords },
  { title: 'Surroundings', shape: surroundings },
]

const schema = z.object({
  ...address,
  ...processes,
  ...storage,
  ...lifetimes,
  ...authorization,
  ...keys,
  ...passwords,
  ...surroundings,
})

type Settings = z.infer<typeof schema>
type CamelCase<Name extends string> = Name extends `${infer Head}_${infer Tail}`
  ? `${Lowercase<Head>}${Capitalize<CamelCase<Tail>>}`
  : Lowercase<Name>
type Camel = { [Name in keyof Settings as CamelCase<Name>]: Settings[Name] }
type Derived = 'publicUrl' | 'host' | 'introspectionMaxStaleness' | 'fetchAllow' | 'argon2Processes'

/** Every setting under its name in camel case, defaults filled in. Frozen. */
export type Config = Readonly<
  Omit<Camel, Derived> & { [Name in Derived]: NonNullable<Camel[Name]> } & {
    /** Whether PUBLIC_URL is https: then cookies are Secure. */
    isHttps: boolean
    /** Whether PUBLIC_URL is on this machine alone, as in development. */
    isLoopback: boolean
  }
>

export type Environment = Record<string, string | undefined>

/** Says of every setting that can't be used what is wrong and what to write. */
export class ConfigurationError extends StartError {
  override name = 'ConfigurationError'
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(`The configuration can't be used:\n${problems.map((problem) => `- ${problem}`).join('\n')}`)
    this.problems = problems
  }
}

type Given = { given: Environment; wrong: ReadonlySet<string>; masterKeyUnused: boolean }

function contradictions(values: Partial<Settings>, { given, wrong, masterKeyUnused }: Given): string[] {
  const problems: string[] = []
  const atMost = (name: keyof Settings, bound: keyof Settings) => {
    const [value, limit] = [values[name], values[bound]]
    // A setting that can't be used stands at its default here, which nobody asked for.
    if (wrong.has(name) || wrong.has(bound) || typeof value !== 'number' || typeof limit !== 'number') return
    if (value > limit) problems.push(`${name} must not be above ${bound}: lower it to ${limit} or raise ${bound}`)
  }
  atMost('ACCESS_TOKEN_LIFETIME', 'MAX_TOKEN_LIFETIME')
  atMost('GRANT_IDLE_LIFETIME', 'GRANT_LIFETIME')
  atMost('SESSION_IDLE_LIFETIME', 'SESSION_LIFETIME')
  atMost('INTROSPECTION_MAX_STALENESS', 'MAX_STALENESS')
  if (values.METRICS_PORT === values.PORT && !wrong.has('METRICS_PORT') && !wrong.has('PORT')) {
    problems.push('METRICS_PORT must differ from PORT: take another one, or 0 for no metrics')
  }
  if (given['DATABASE_DIRECT_URL'] && !given['DATABASE_URL']) {
    problems.push('DATABASE_DIRECT_URL is set without DATABASE_URL: set both or neither')
  }
  if (given['DATABASE_URL'] && !given['MASTER_KEY'] && !masterKeyUnused) {
    problems.push(
      'MASTER_KEY is required with DATABASE_URL: use the one the database was set up with, or for a new database make one ' +
        'with `openssl rand -base64 32`',
    )
  }
  return problems
}

function parse(environment: Environment, masterKeyUnused: boolean): Settings {
  // An empty value is what compose files and shells pass for a variable nobody set.
  const given = Object.fromEntries(
    Object.entries(environment).flatMap(([name, value]) => (value?.trim() ? [[name, value.trim()]] : [])),
  )
  const { data, error } = schema.safeParse(given)
  const wrong = new Set(error?.issues.map(({ path }) => String(path[0])))
  // Everything is said at once, so what can be used is compared even where something else can't.
  const usable =
    data ?? schema.safeParse(Object.fromEntries(Object.entries(given).filter(([name]) => !wrong.has(name)))).data
  const problems = [
    ...(error?.issues ?? []).map(({ path, message }) => `${String(path[0])} ${message}`),
    ...contradictions(usable ?? {}, { given, wrong, masterKeyUnused }),
  ]
  if (!data || problems.length > 0) throw new ConfigurationError(problems)
  return data
}

/**
 * The configuration that an environment says. Empty variables count as unset, unknown ones are ignored.
 * Throws ConfigurationError with every problem at once. `masterKeyUnused`: for programs that never open a private key.
 */
export function loadConfig(environment: Environment, { masterKeyUnused = false } = {}): Config {
  const values = parse(environment, masterKeyUnused)
  const publicUrl = values.PUBLIC_URL ?? `http://localhost:${values.PORT}`
  const loopback = isLoopback(new URL(publicUrl).hostname)
  const named = Object.entries(values).map(([name, value]) => [
    name.toLowerCase().replace(/_(.)/g, (_, letter: string) => letter.toUpperCase()),
    value,
  ])
  return Object.freeze({
    ...(Object.fromEntries(named) as Camel),
    dataDir: resolve(values.DATA_DIR),
    publicUrl,
    isHttps: publicUrl.startsWith('https:'),
    isLoopback: loopback,
    host: values.HOST ?? (loopback ? '127.0.0.1' : '0.0.0.0'),
    introspectionMaxStaleness: values.INTROSPECTION_MAX_STALENESS ?? values.MAX_STALENESS,
    fetchAllow: values.FETCH_ALLOW ?? (loopback ? LOOPBACK : []),
    argon2Processes: values.ARGON2_PROCESSES ?? availableParallelism(),
  })
}

/** What one of the workers may take of what the whole server may. */
export function shareOf(config: Config): Config {
  const share = (whole: number, least: number) => Math.max(least, Math.floor(whole / config.workers))
  return Object.freeze({
    ...config,
    // With a single one, whoever holds it and needs another would wait for itself.
    databasePoolSize: share(config.databasePoolSize, 2),
    argon2Processes: share(config.argon2Processes, 1),
    argon2Queue: share(config.argon2Queue, 1),
  })
}

/** The environment of this process as the one that started it left it: it has read `.env`. */
export const inheritedEnvironment = (): Environment => process.env

/** The environment of this process, and below it what a file `.env` in the working directory sets. */
export function readEnvironment(): Environment {
  if (existsSync('.env')) process.loadEnvFile('.env')
  return process.env
}
