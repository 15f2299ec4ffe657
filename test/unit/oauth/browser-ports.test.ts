import { describe } from 'vitest'
import { codeCases } from '../../support/browser-cases/codes.js'
import { peopleCases } from '../../support/browser-cases/people.js'
import { requestCases } from '../../support/browser-cases/requests.js'
import { sessionCases } from '../../support/browser-cases/sessions.js'
import { memoryBench } from '../../support/memory-bench.js'

// What tests of the protocol run on does what the database does: the same cases, in test/store on Postgres.
describe('in memory', () => {
  sessionCases(memoryBench)
  codeCases(memoryBench)
  requestCases(memoryBench)
  peopleCases(memoryBench)
})
