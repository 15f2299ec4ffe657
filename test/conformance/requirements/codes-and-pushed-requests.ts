import type { Requirement } from '../requirement.js'

const CODES = 'test/support/browser-cases/codes.ts'
const REQUESTS = 'test/support/browser-cases/requests.ts'
const IN_POSTGRES = 'test/store/codes.test.ts'

/** What is kept of authorization codes and pushed requests: RFC 6749, 9126. */
export const codesAndPushedRequests: readonly Requirement[] = [
  {
    id: 'RFC6749-4.1.2-short-lived',
    source: 'RFC 6749 §4.1.2',
    level: 'MUST',
    text: 'A code expires shortly after it is issued, a minute here.',
    shownBy: [`${CODES} › is %s once %s, and makes no grant`],
  },
  {
    id: 'RFC6749-4.1.2-used-once',
    source: 'RFC 6749 §4.1.2',
    level: 'MUST',
    text: 'A code is used once, however many redeem it at the same time.',
    shownBy: [
      `${CODES} › of a code that was used names the grant that it was used for, RFC 6749 §4.1.2`,
      `${IN_POSTGRES} › 50 redemptions over two pools make one grant, and 49 are told which`,
    ],
  },
  {
    id: 'RFC6749-10.10-code-entropy',
    source: 'RFC 6749 §10.10',
    level: 'MUST',
    text: 'A code cannot be guessed: it is 256 random bits, and what is stored is their hash.',
    shownBy: [
      `${CODES} › is found as it was issued, in its tenant alone`,
      `${IN_POSTGRES} › is its hash: a dump can redeem nothing`,
    ],
  },
  {
    id: 'RFC9126-2.2-bound',
    source: 'RFC 9126 §2.2',
    level: 'MUST',
    text: 'The reference to a pushed request cannot be guessed and is good for the client that pushed it alone.',
    shownBy: [`${REQUESTS} › is found as it was pushed, by its client and in its tenant alone, RFC 9126 §2.2`],
  },
  {
    id: 'RFC9126-4-once',
    source: 'RFC 9126 §4',
    level: 'SHOULD',
    text: 'A reference is used once, and expires.',
    shownBy: [
      `${REQUESTS} › is used by one of many, and then by nobody, RFC 9126 §4`,
      `${REQUESTS} › can’t be begun with after its lifetime, and is used all the same by who has begun`,
    ],
  },
]
