import { createServer } from 'node:net'
import pg from 'pg'
import { describe, expect, it } from 'vitest'
import { isUnavailable } from '../../../src/http/unavailable.js'

const coded = (code: string, more = {}) => Object.assign(new Error('x'), { code, ...more })

describe('isUnavailable', () => {
  it.each([
    ['a refused connection', coded('ECONNREFUSED')],
    ['a missing socket', coded('ENOENT', { syscall: 'connect' })],
    ['a connection failure', coded('08006')],
    ['too many connections', coded('53300')],
    ['a server that shuts down', coded('57P01')],
    ['a server that starts', coded('57P03')],
    ['a deadlock', coded('40P01')],
    ['a serialization failure', coded('40001')],
    ['a write to a standby', coded('25006')],
    ['a pool without a free connection', new Error('timeout exceeded when trying to connect')],
    ['a connection that broke', new Error('Connection terminated unexpectedly')],
    ['Prisma without a connection', coded('P1001')],
    ['a wrapped driver error', new Error('x', { cause: { kind: 'DatabaseNotReachable' } })],
    ['a wrapped Postgres error', new Error('x', { cause: { kind: 'postgres', originalCode: '57P01' } })],
    ['a raw query that failed', coded('P2010', { meta: { driverAdapterError: { cause: { originalCode: '40001' } } } })],
  ])('sees %s', (_, error) => {
    expect(isUnavailable(error)).toBe(true)
  })

  it.each([
    ['a unique violation', coded('23505')],
    ['a syntax error', coded('42601')],
    ['a mistake', new TypeError('undefined is not a function')],
    ['a missing file', coded('ENOENT', { syscall: 'open' })],
    ['text', 'ECONNREFUSED'],
    ['nothing', undefined],
  ])('does not take %s for it', (_, error) => {
    expect(isUnavailable(error)).toBe(false)
  })

  it('ends on an error that is its own cause', () => {
    const error = new Error('x')
    error.cause = error
    expect(isUnavailable(error)).toBe(false)
  })

  it('knows what pg says when nobody listens, and when the server hangs up', async () => {
    const server = createServer((socket) => socket.destroy())
    const port = await new Promise<number>((resolve) =>
      server.listen(0, '127.0.0.1', () => {
        const address = server.address()
        resolve(typeof address === 'object' && address ? address.port : 0)
      }),
    )
    const attempt = async () => {
      const pool = new pg.Pool({ host: '127.0.0.1', port, user: 'nobody', database: 'none' })
      const error = await pool.query('SELECT 1').catch((caught: unknown) => caught)
      await pool.end()
      return error
    }
    expect(isUnavailable(await attempt())).toBe(true)
    await new Promise((resolve) => server.close(resolve))
    expect(isUnavailable(await attempt())).toBe(true)
  })
})
