import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'

const SOURCE = new URL('../../../src', import.meta.url).pathname
const files = readdirSync(SOURCE, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts') && !name.startsWith('store/generated/'))
  .map((name) => ({ name, text: readFileSync(join(SOURCE, name), 'utf8') }))

const generates = /\bgenerateKeyPair(Sync)?\b/
const exports = /\.export\(/

describe('the freeze of Node 20 (export of a key pair just generated) cannot happen, because', () => {
  it('one file generates key pairs', () => {
    expect(files.filter(({ text }) => generates.test(text)).map(({ name }) => name)).toEqual(['crypto/key-pair.ts'])
  })

  it('that file exports none', () => {
    const generating = files.filter(({ text }) => generates.test(text))
    expect(generating.filter(({ text }) => exports.test(text)).map(({ name }) => name)).toEqual([])
  })

  it('no file generates or exports through WebCrypto', () => {
    const webCrypto = /subtle\.(generateKey|exportKey)|\bexportJWK\b/
    expect(files.filter(({ text }) => webCrypto.test(text)).map(({ name }) => name)).toEqual([])
  })
})
