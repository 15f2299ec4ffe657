import type { Goal, Report } from './report.js'

type Cell = string | number

/** A number as people read it: the smaller it is, the more of it after the point. */
function text(cell: Cell): string {
  if (typeof cell === 'string') return cell
  const size = Math.abs(cell)
  const digits = size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3
  return cell.toLocaleString('en', { maximumFractionDigits: digits })
}

/** A table that reads well as it is, too. */
function table(columns: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const cells = rows.map((row) => row.map((cell) => text(cell).replaceAll('|', '\\|')))
  const widths = columns.map((name, n) => Math.max(name.length, 3, ...cells.map((row) => row[n]?.length ?? 0)))
  // Numbers stand one below the other.
  const right = columns.map((_, n) => rows.length > 0 && rows.every((row) => typeof row[n] === 'number'))
  const pad = (cell: string, n: number) => (right[n] ? cell.padStart(widths[n] ?? 0) : cell.padEnd(widths[n] ?? 0))
  const line = (row: readonly string[]) => `| ${columns.map((_, n) => pad(row[n] ?? '', n)).join(' | ')} |`
  const rule = `| ${widths.map((width, n) => (right[n] ? `${'-'.repeat(width - 1)}:` : '-'.repeat(width))).join(' | ')} |`
  return [line(columns), rule, ...cells.map(line)].join('\n')
}

/** A report under its title. */
export const markdownOf = ({ title, columns, rows }: Report): string => `## ${title}\n\n${table(columns, rows)}\n`

export const isMet = (goal: Goal): boolean =>
  'atLeast' in goal ? goal.value >= goal.atLeast : goal.value <= goal.atMost

/** All goals of a run, met or missed. */
export function goalTable(goals: readonly Goal[]): string {
  const rows = goals.map((goal) => [
    goal.what,
    goal.value,
    'atLeast' in goal ? `≥ ${text(goal.atLeast)}` : `≤ ${text(goal.atMost)}`,
    isMet(goal) ? 'met' : 'missed',
  ])
  return `## Goals\n\n${table(['what', 'value', 'goal', 'met or missed'], rows)}\n`
}
