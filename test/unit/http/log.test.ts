import fc from 'fast-check'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { createLog, gathering } from '../../../src/http/log.js'

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

describe('lines of requests', () => {
  function gathered() {
    const written: string[] = []
    const log = createLog('info', gathering({ write: (text) => void written.push(text) }, 4096))
    return {
      log,
      written,
      lines: () =>
        written
          .join('')
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line)),
    }
  }

  it('look like all others', () => {
    const written: string[] = []
    const log = createLog('info', { write: (line) => void written.push(line) }, { worker: 2 })
    log.request({ route: 'token', status: 200, reason: undefined }, { ms: 1 })
    log.info({ ms: 1, route: 'token', status: 200 }, 'request')
    const [one, other] = written.map((line) => JSON.parse(line))
    expect(one).toEqual({ ...other, time: one.time })
    expect(one.time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
    expect(written[0]).toMatch(/^[\x20-\x7e]+\n$/)
  })

  it.each([
    [{ status: 200 }, { status: 304 }],
    [{ route: 'a' }, { route: 'a', reason: 'b' }],
    [{ route: 'a', reason: 'b' }, { route: 'a' }],
    [{ route: 'a' }, { reason: 'a' }],
    [{}, { route: 'a' }],
  ])('say what each was, %j before %j', (one, other) => {
    const written: string[] = []
    const log = createLog('info', { write: (line) => void written.push(line) })
    const kinds = [one, one, other, one, other, other]
    for (const [n, kind] of kinds.entries()) log.request(kind, { n })
    const expected = kinds.map((kind, n) => ({ level: 30, msg: 'request', ...kind, n }))
    expect(written.map((line) => JSON.parse(line)).map(({ time: _, ...line }) => line)).toEqual(expected)
  })

  it('are not of what somebody made of the one before', () => {
    const written: string[] = []
    const log = createLog('info', { write: (line) => void written.push(line) })
    const kind = { status: 200 }
    log.request(kind, {})
    kind.status = 404
    log.request(kind, {})
    expect(written.map((line) => JSON.parse(line)['status'])).toEqual([200, 404])
  })

  it.each(['', 'a"b', 'a\\b', 'line\nend', 'caf\u00e9 \u202e', '\u0007', '{"a":1}'])('hold any text: %j', (reason) => {
    const written: string[] = []
    const log = createLog('info', { write: (line) => void written.push(line) })
    log.request({ reason, status: 200 }, { id: reason, ms: 0.5 })
    expect(JSON.parse(written[0] ?? '')).toMatchObject({
      level: 30,
      reason,
      status: 200,
      id: reason,
      ms: 0.5,
      msg: 'request',
    })
    expect(written[0]).toMatch(/^[\x20-\x7e]+\n$/)
  })

  it.each([Number.NaN, Number.POSITIVE_INFINITY])('are JSON whatever was measured: %d', (ms) => {
    const written: string[] = []
    createLog('info', { write: (line) => void written.push(line) }).request({}, { ms })
    expect(JSON.parse(written[0] ?? '')).toMatchObject({ ms: null })
  })

  it('are left out above level info', () => {
    const written: string[] = []
    createLog('warn', { write: (line) => void written.push(line) }).request({ route: 'token' }, {})
    expect(written).toEqual([])
  })

  it('are written together, none lost, in the pieces that a pipe takes whole', async () => {
    const { log, written, lines } = gathered()
    for (let n = 0; n < 200; n++) log.request({ route: 'token' }, { n })
    await vi.waitFor(() => expect(lines().map(({ n }) => n)).toEqual(Array.from({ length: 200 }, (_, n) => n)))
    expect(written.length).toBeLessThan(20)
    for (const piece of written) {
      expect(piece.length).toBeLessThanOrEqual(4096)
      expect(piece.endsWith('\n')).toBe(true)
    }
  })

  it('are written at the end of their turn where there are few, and wait for each other where there are many', () => {
    vi.useFakeTimers()
    onTestFinished(() => void vi.useRealTimers())
    const { log, lines } = gathered()
    vi.advanceTimersByTime(100)
    for (const n of [1, 2]) log.request({}, { n })
    expect(lines).toThrow()
    vi.advanceTimersByTime(0)
    expect(lines().map(({ n }) => n)).toEqual([1, 2])
    for (const n of [3, 4]) {
      vi.advanceTimersByTime(2)
      log.request({}, { n })
    }
    expect(lines()).toHaveLength(2)
    vi.advanceTimersByTime(5)
    expect(lines()).toHaveLength(4)
  })

  it('hold up nothing else, and stand before it', () => {
    const { log, lines } = gathered()
    log.request({ route: 'token' }, {})
    log.error({}, 'something is wrong')
    expect(lines().map(({ msg }) => msg)).toEqual(['request', 'something is wrong'])
  })
})
