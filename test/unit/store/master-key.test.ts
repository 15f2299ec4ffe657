import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { StartError } from '../../../src/start-error.js'
import { readOrCreateMasterKey } from '../../../src/store/master-key.js'

describe('readOrCreateMasterKey', () => {
  let folder: string
  let path: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'bulla-key-'))
    path = join(folder, 'master.key')
    return () => rmSync(folder, { recursive: true })
  })

  it('makes a key that its owner alone can read, and reads the same one ever after', () => {
    const key = readOrCreateMasterKey(folder, { mayCreate: true })
    expect(key).toHaveLength(32)
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(readOrCreateMasterKey(folder, { mayCreate: true })).toEqual(key)
    expect(readOrCreateMasterKey(folder, { mayCreate: false })).toEqual(key)
    // MASTER_KEY takes it as it stands in the file.
    expect(Buffer.from(readFileSync(path, 'utf8'), 'base64')).toEqual(key)
  })

  it('makes the data directory if need be', () => {
    expect(readOrCreateMasterKey(join(folder, 'deep', 'down'), { mayCreate: true })).toHaveLength(32)
  })

  it('never makes a new key over old ones', () => {
    expect(() => readOrCreateMasterKey(folder, { mayCreate: false })).toThrow(StartError)
    expect(() => readOrCreateMasterKey(folder, { mayCreate: false })).toThrow(/master\.key is missing.*[Rr]estore/s)
    expect(existsSync(path)).toBe(false)
  })

  it.each(['', 'short', Buffer.alloc(33).toString('base64')])(
    'refuses a file that holds %j, and leaves it alone',
    (content) => {
      writeFileSync(path, content, { mode: 0o600 })
      expect(() => readOrCreateMasterKey(folder, { mayCreate: true })).toThrow(StartError)
      expect(readFileSync(path, 'utf8')).toBe(content)
    },
  )

  it('refuses a key that others can read', () => {
    readOrCreateMasterKey(folder, { mayCreate: true })
    chmodSync(path, 0o644)
    expect(() => readOrCreateMasterKey(folder, { mayCreate: false })).toThrow(/chmod 600/)
  })
})
