import { command } from './command.js'
import { UsageError } from './errors.js'
import { PAGE, page } from './listing.js'
import { listing, table } from './output.js'

const UNITS: Readonly<Record<string, number>> = { m: 60, h: 3600, d: 86_400 }

export const auditCommands = {
  list: command({
    summary: 'Lists what happened, the newest first.',
    options: {
      type: { value: 'TYPE', help: 'Of one type, `user.created`, or of one noun, `user`.' },
      since: { value: 'TIME', help: 'Not before: 15m, 2h, 7d, or a date such as 2026-12-01T08:00Z.' },
      ...PAGE,
    },
    check(given) {
      since(given.since)
      const { after } = page(given)
      if (after !== undefined && !/^\d{1,18}$/.test(after)) throw new UsageError('--cursor is not one of a listing.')
    },
    async run(context, given) {
      const query = { type: given.type, since: since(given.since), ...page(given) }
      const { items, next } = await context.trail.list((await context.tenant()).id, query)
      const answer = listing('events', { items, next }, [])
      const lines = items.map(({ at, type, actor, subject, detail }) => ({
        at,
        type,
        actor: [actor.kind, ...(actor.id === undefined ? [] : [actor.id])],
        subject: pairs(subject),
        detail: pairs(detail),
      }))
      return { ...answer, text: table(lines, ['at', 'type', 'actor', 'subject', 'detail']) }
    },
  }),
}

/** Short enough for a column; `--json` has it whole. */
const pairs = (record: Readonly<Record<string, unknown>>): string[] =>
  Object.entries(record).map(([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`)

function since(text: string | undefined): Date | undefined {
  if (text === undefined) return undefined
  const [, number, unit] = /^(\d{1,5})([mhd])$/.exec(text) ?? []
  if (number && unit) return new Date(Date.now() - Number(number) * (UNITS[unit] ?? 0) * 1000)
  const date = /^\d{4}-\d{2}-\d{2}(?:T|$)/.test(text) ? new Date(text) : undefined
  if (!date || Number.isNaN(date.getTime()))
    throw new UsageError('--since must be such as 15m, 2h, 7d or 2026-12-01T08:00Z.')
  return date
}
