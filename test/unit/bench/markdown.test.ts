import { describe, expect, it } from 'vitest'
import { goalTable, isMet, markdownOf } from '../../bench/markdown.js'

describe('markdownOf', () => {
  it('writes a table that reads well unrendered, numbers one below the other', () => {
    const report = {
      title: 'Speeds',
      columns: ['what', 'rate'],
      rows: [
        ['a', 12_345.6],
        ['b | c', 0.12345],
      ],
      goals: [],
    }
    expect(markdownOf(report)).toBe(
      [
        '## Speeds',
        '',
        '| what   |   rate |',
        '| ------ | -----: |',
        '| a      | 12,346 |',
        '| b \\| c |  0.123 |',
        '',
      ].join('\n'),
    )
  })

  it.each([
    { number: 1234.56, shown: '1,235' },
    { number: 12.345, shown: '12.3' },
    { number: 1.2345, shown: '1.23' },
    { number: 0.98765, shown: '0.988' },
    { number: 7, shown: '7' },
  ])('shows $number as $shown', ({ number, shown }) => {
    const report = { title: 'One', columns: ['n'], rows: [[number]], goals: [] }
    expect(markdownOf(report)).toContain(` ${shown} |`)
  })

  it('writes the head of a table that has no rows', () => {
    expect(markdownOf({ title: 'None', columns: ['what'], rows: [], goals: [] })).toContain('| what |\n| ---- |')
  })
})

describe('goalTable', () => {
  it.each([
    { goal: { what: 'speed', value: 2, atLeast: 2 }, met: true, asked: '≥ 2', said: 'met' },
    { goal: { what: 'speed', value: 1.99, atLeast: 2 }, met: false, asked: '≥ 2', said: 'missed' },
    { goal: { what: 'wait', value: 2, atMost: 2 }, met: true, asked: '≤ 2', said: 'met' },
    { goal: { what: 'wait', value: 2.01, atMost: 2 }, met: false, asked: '≤ 2', said: 'missed' },
    { goal: { what: 'nothing', value: Number.NaN, atMost: 2 }, met: false, asked: '≤ 2', said: 'missed' },
  ])('calls $goal.value $said where $asked is asked', ({ goal, met, asked, said }) => {
    expect(isMet(goal)).toBe(met)
    const line = goalTable([goal]).split('\n').at(-2)
    expect(line?.split('|').map((cell) => cell.trim())).toEqual(['', goal.what, expect.any(String), asked, said, ''])
  })
})
