import { ENDPOINTS } from './endpoints.js'
import { linesTo, overHttp } from './http-load.js'
import { openLoop } from './open-loop.js'
import type { Bench, Report } from './report.js'
import type { Stage } from './stage.js'

const PARTS = [0.25, 0.5, 0.75]
const MEASURED = ['client_credentials', 'refresh', 'introspection', 'JWKS']

/** How long answers take at a part of what the server can do at most. */
export async function latency({ quick, stage: open }: Bench): Promise<Report[]> {
  const stage = await open()
  const rows: Report['rows'][number][] = []
  for (const name of MEASURED) rows.push(...(await levels(name, stage, quick ? 1 : 10)))
  return [
    {
      title: 'Latency at a fixed rate, in milliseconds from the moment a request was due',
      columns: ['endpoint', 'of saturation', 'asked/s', 'answered/s', 'rate kept', 'p50', 'p99', 'p99.9', 'max'],
      rows,
      goals: [],
    },
  ]
}

async function levels(name: string, stage: Stage, seconds: number): Promise<Report['rows'][number][]> {
  const exchanges = async () => (await ENDPOINTS[name]?.(stage)) ?? []
  const closed = await overHttp(stage.server.url, await exchanges())
  await closed(Math.min(seconds, 3) * 1000)
  const { count, clock = 1 } = await closed(Math.min(seconds, 3) * 1000)
  const saturation = count / clock
  const rows: Report['rows'][number][] = [[name, '100 %', '', saturation, '', '', '', '', '']]
  for (const part of PARTS) {
    const rate = Math.floor(part * saturation)
    const lines = await linesTo(stage.server.url, await exchanges())
    const { kept, achieved, p50, p99, p999, max } = await openLoop(lines, { rate, seconds })
    rows.push([name, `${100 * part} %`, rate, achieved, kept ? 'yes' : 'no', p50, p99, p999, max])
  }
  return rows
}
