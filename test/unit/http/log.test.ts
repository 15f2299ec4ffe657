import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createLog } from '../../../src/http/log.js'

function logged(fields: object, message = 'message'): string {
  const written: string[] = []
  createLog('debug', { write: (line) => void written.push(line) }).error(fields, message)
  return written.join('')
}

describe('createLog', () => {
  it('says in each line what it is told to say in each', () => {
    const written: string[] = []
    const log = createLog('info', { write: (line) => void written.push(line) }, { worker: 2 })
    log.info({ a: 1 }, 'one')
    log.warn({}, 'two')
    expect(written.map((line) => JSON.parse(line))).toMatchObject([
      { worker: 2, a: 1, msg: 'one' },
      { worker: 2, msg: 'two' },
    ])
    expect(written.join('')).not.toMatch(/pid|hostname/)
  })

  it('writes one line of printable ASCII, whatever is in it, and loses nothing', () => {
    const hostile = fc.array(
      fc.oneof(
        fc.constantFrom(
          '\r\n',
          '\n{"level":60}',
          '\x1b[2J',
          '\x9b',
          '\u202e',
          '\u2028',
          '\x7f',
          '\u0024{jndi:ldap://x}',
          '💣',
        ),
        fc.string({ unit: 'grapheme' }),
      ),
    )
    fc.assert(
      fc.property(hostile, (parts) => {
        const text = parts.join('')
        const line = logged({ value: text }, text)
        expect(line).toMatch(/^[\x20-\x7e]+\n$/)
        expect(JSON.parse(line)).toMatchObject({ value: text, msg: text })
      }),
    )
  })

  it.each([
    ...[
      'password',
      'new_password',
      'client_secret',
      'apiSecret',
      'refresh_token',
      'accessToken',
      'token',
      'authorization',
    ],
    ...['cookie', 'Set-Cookie', 'code_verifier', 'client_assertion', 'auth_session', 'otp', 'body'],
  ])('writes no %s, at any depth', (key) => {
    const fields = { [key]: 's3cret', request: { [key]: 's3cret', headers: { [key]: ['s3cret'] } } }
    const line = logged(fields)
    expect(line).not.toContain('s3cret')
    expect(line.match(/\[redacted\]/g)).toHaveLength(3)
    expect(fields.request[key]).toBe('s3cret')
  })

  it('writes what only sounds like a secret', () => {
    expect(JSON.parse(logged({ token_count: 3, code: 'E1', reason: 'refresh_token_reused' }))).toMatchObject({
      token_count: 3,
      code: 'E1',
      reason: 'refresh_token_reused',
    })
  })

  it('writes of an error its type, message, code, place and cause, but not what else it carries', () => {
    const cause = Object.assign(new Error('duplicate key'), { code: '23505', detail: 'Key (email)=(ada@example.com)' })
    const err = Object.assign(new TypeError('no such thing', { cause }), { code: 'ERR_X', parameters: ['s3cret'] })
    const line = logged({ err })
    expect(JSON.parse(line)['err']).toMatchObject({
      type: 'TypeError',
      code: 'ERR_X',
      message: 'no such thing',
      at: expect.arrayContaining([expect.stringContaining('log.test.ts')]),
      cause: { message: 'duplicate key', code: '23505' },
    })
    expect(line).not.toMatch(/s3cret|ada@example.com/)
  })

  it('does not write the arguments that Prisma quotes in its messages', () => {
    const err = new Error(
      '\nInvalid `prisma.user.create()` invocation:\n\n{ data: { hash: "s3cret" } }\n\nUnknown argument.',
    )
    err.name = 'PrismaClientValidationError'
    const line = logged({ err })
    expect(line).not.toContain('s3cret')
    expect(JSON.parse(line)['err'].message).toBe('Unknown argument.')
  })

  it.each([{ err: 'text' }, { err: undefined }, { err: { password: 'x' } }])('takes %j for an error', (fields) => {
    expect(JSON.parse(logged(fields))).toMatchObject({ msg: 'message' })
  })
})
