import type { Result } from './contest.js'

const whole = (value: number) => Math.round(value).toLocaleString('en')
// Above ten a second decimal is noise.
const part = (value: number) => value.toFixed(value < 10 ? 2 : 1)

const WIDTHS = [38, 7, 6, 25, 7, 5, 13]
const RIGHT = [false, true, false, false, true, true, true]
const UNIT = { clock: '/s', cpu: '/s CPU' }

const line = (cells: readonly string[]) =>
  cells
    .map((cell, n) => (RIGHT[n] ? cell.padStart(WIDTHS[n] ?? 0) : cell.padEnd(WIDTHS[n] ?? 0)))
    .join('  ')
    .trimEnd()

export const tableHead = (title: string): string => line([title, 'ours', '', 'against', '', 'ratio', 'least to most'])

/** A line for each limit, the figure of ours on the first. */
export const tableRows = ({ what, by, speed, against }: Result): string =>
  against
    .map(({ limit, speed: theirs, ratio, least, most }, n) => {
      const ours = n === 0 ? [what, whole(speed), UNIT[by]] : ['', '', '']
      return line([...ours, limit, whole(theirs), part(ratio), `${part(least)} to ${part(most)}`])
    })
    .join('\n')
