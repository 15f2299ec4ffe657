import type { Requirement } from '../requirement.js'

const CHALLENGE = 'test/unit/wire/challenge.test.ts'
const PROOF = 'test/unit/wire/dpop-proof.test.ts'
const HTU = 'test/unit/wire/htu.test.ts'
const ANSWER = 'test/unit/resource-server/verify-error.test.ts'
const TOKEN = 'test/unit/resource-server/presented-token.test.ts'
const REQUIRED = 'test/unit/resource-server/requirements.test.ts'
const POSSESSION = 'test/unit/resource-server/proof-of-possession.test.ts'
const NONCE = 'test/unit/resource-server/dpop-nonce.test.ts'
const REPLAY = 'test/unit/resource-server/dpop-replay.test.ts'
const METADATA = 'test/unit/resource-server/protected-resource-metadata.test.ts'

/** What an API owes its clients: RFC 6750, 9449, 9470, 9728. */
export const resourceServers: readonly Requirement[] = [
  {
    id: 'RFC6750-2.1-header',
    source: 'RFC 6750 §2.1',
    level: 'MUST',
    text: 'A token comes in the Authorization header; the case of the scheme does not matter.',
    shownBy: [`${TOKEN} › is taken from $name`, `${TOKEN} › is refused with the header %j`],
  },
  {
    id: 'RFC6750-2-one-method',
    source: 'RFC 6750 §2',
    level: 'MUST',
    text: 'A token comes in one way only; two ways are a malformed request, and the query is no way.',
    shownBy: [`${TOKEN} › is refused $name`, `${TOKEN} › is none $name`],
  },
  {
    id: 'RFC6750-3-resource-challenge',
    source: 'RFC 6750 §3',
    level: 'MUST',
    text: 'Every refusal of a request without a good token has a challenge, in its characters.',
    shownBy: [
      `${ANSWER} › answers $name`,
      `${CHALLENGE} › is written as in the RFC: $name`,
      `${CHALLENGE} › is refused with %s`,
    ],
  },
  {
    id: 'RFC6750-3.1-codes',
    source: 'RFC 6750 §3.1',
    level: 'SHOULD',
    text: 'invalid_request is 400, invalid_token 401, insufficient_scope 403; without a token there is no error.',
    shownBy: [`${ANSWER} › answers $name`, `${ANSWER} › is the same for every token that does not count`],
  },
  {
    id: 'RFC9449-4.3-checks',
    source: 'RFC 9449 §4.3',
    level: 'MUST',
    text: 'A proof passes all checks, and none that would pass is refused.',
    shownBy: [
      `${PROOF} › is refused $name`,
      `${PROOF} › is good $name`,
      `${PROOF} › are good: the one of a token request, §4.1`,
      `${PROOF} › are good: the one of a request for a resource, §7.1`,
    ],
  },
  {
    id: 'RFC9449-4.3-htu',
    source: 'RFC 9449 §4.3',
    level: 'SHOULD',
    text: 'htu is compared after normalization by syntax and by scheme.',
    shownBy: [`${HTU} › is normalized: $name`],
  },
  {
    id: 'RFC9449-7.1-binding',
    source: 'RFC 9449 §7.1',
    level: 'MUST',
    text: 'A bound token is good only with a proof of its key that names the token.',
    shownBy: [`${POSSESSION} › is judged $name`],
  },
  {
    id: 'RFC9449-7.2-no-downgrade',
    source: 'RFC 9449 §7.2',
    level: 'MUST',
    text: 'A bound token is refused as a bearer token.',
    shownBy: [`${POSSESSION} › is judged $name`],
  },
  {
    id: 'RFC9449-9-nonce',
    source: 'RFC 9449 §9',
    level: 'MUST',
    text: 'Where a nonce is asked for, a proof without a recent one is refused, and the answer brings one that can’t be guessed.',
    shownBy: [
      `${POSSESSION} › a proof without one is sent back for it, and good with it`,
      `${POSSESSION} › a proof with one that is over or forged is sent back for the next`,
      `${NONCE} › can’t be changed`,
    ],
  },
  {
    id: 'RFC9449-11.1-replay',
    source: 'RFC 9449 §11.1',
    level: 'SHOULD',
    text: 'A proof serves once while its time lasts.',
    shownBy: [
      `${POSSESSION} › serves once`,
      `${REPLAY} › refuses when it is full of live ones rather than forget one, and takes the next when one has ended`,
    ],
  },
  {
    id: 'RFC9470-3-challenge',
    source: 'RFC 9470 §3',
    level: 'MUST',
    text: 'A sign-in that is not enough is challenged with what would be.',
    shownBy: [`${REQUIRED} › requires $name`, `${ANSWER} › answers $name`],
  },
  {
    id: 'RFC9728-2-document',
    source: 'RFC 9728 §2',
    level: 'MUST',
    text: 'The document of an API says which it is, byte for byte.',
    shownBy: [`${METADATA} › the least`, `${METADATA} › all that it was told`],
  },
  {
    id: 'RFC9728-3.1-place',
    source: 'RFC 9728 §3.1',
    level: 'MUST',
    text: 'It stands at the well-known path, inserted between host and path.',
    shownBy: [`${METADATA} › describes $given at $url`],
  },
]
