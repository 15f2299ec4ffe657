import { expect, it } from 'vitest'
import { holdersOf } from '../../../src/keys/known-keys.js'

const told = [
  { kid: 'old', api: 'https://a.example' },
  { kid: 'old', api: 'https://b.example' },
  { kid: 'new', api: 'https://a.example' },
]

it.each([
  {
    name: 'held by all who tell',
    kid: 'old',
    expect: { knownTo: ['https://a.example', 'https://b.example'], unknownTo: [] },
  },
  { name: 'not held by one', kid: 'new', expect: { knownTo: ['https://a.example'], unknownTo: ['https://b.example'] } },
  { name: 'held by none', kid: 'next', expect: { knownTo: [], unknownTo: ['https://a.example', 'https://b.example'] } },
])('knows a key that is $name', ({ kid, expect: holders }) => {
  expect(holdersOf(kid, told)).toEqual(holders)
})

it('says nothing of APIs where none has told anything', () => {
  expect(holdersOf('old', [])).toEqual({ knownTo: [], unknownTo: [] })
})
