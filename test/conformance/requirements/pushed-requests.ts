import type { Requirement } from '../requirement.js'

const HTTP = 'test/http/par.test.ts'
const UNIT = 'test/unit/oauth/pushed-request.test.ts'
const E2E = 'test/e2e/first-party.test.ts'

/** RFC 9126, the endpoint and what becomes of what was pushed there. */
export const pushedRequests: readonly Requirement[] = [
  {
    id: 'RFC9126-2-authentication',
    source: 'RFC 9126 §2',
    level: 'MUST',
    text: 'Clients authenticate as at the token endpoint, with a form and POST.',
    shownBy: [
      `${HTTP} › authenticates the client as the token endpoint does`,
      `${HTTP} › takes POST alone, a form alone, and no more than 16 KiB of it`,
    ],
  },
  {
    id: 'RFC9126-2.1-client-id',
    source: 'RFC 9126 §2.1',
    level: 'MUST',
    text: 'client_id is required, and the one that was authenticated.',
    shownBy: [
      `${HTTP} › authenticates the client as the token endpoint does`,
      `${UNIT} › pushes for nobody but the client that was authenticated, RFC 9126 §2.1`,
    ],
  },
  {
    id: 'RFC9126-2.1-validated',
    source: 'RFC 9126 §2.1',
    level: 'MUST',
    text: 'A request is checked at the push as it would be at the authorization endpoint, and one with request_uri is refused.',
    shownBy: [`${HTTP} › refuses %s as JSON, as the authorization endpoint would`],
  },
  {
    id: 'RFC9126-2.2-response',
    source: 'RFC 9126 §2.2',
    level: 'MUST',
    text: '201 with request_uri and expires_in as JSON that nobody stores.',
    shownBy: [`${HTTP} › answers with a request_uri that nobody stores, and how long it is good for`],
  },
  {
    id: 'RFC9126-2.3-errors',
    source: 'RFC 9126 §2.3',
    level: 'SHOULD',
    text: '405, 413 and 429 say what is wrong with the call itself.',
    shownBy: [
      `${HTTP} › takes POST alone, a form alone, and no more than 16 KiB of it`,
      `${HTTP} › tells an address that pushes too much without proving who it is to come back later`,
    ],
  },
  {
    id: 'RFC9126-4-parameters',
    source: 'RFC 9126 §4',
    level: 'MUST',
    text: 'Of the authorization request what was pushed counts alone.',
    shownBy: [
      `${HTTP} › goes by what was pushed, whatever stands beside it`,
      `${UNIT} › keeps every parameter that an authorization request is read from`,
    ],
  },
  {
    id: 'RFC9126-4-refused',
    source: 'RFC 9126 §4',
    level: 'MUST',
    text: 'A reference that expired, or that another client pushed, is refused, and leads nowhere.',
    shownBy: [`${HTTP} › shows a page and goes nowhere for one %s`, `${E2E} › of one client is none of another’s`],
  },
  {
    id: 'RFC9126-4-one-authorization',
    source: 'RFC 9126 §4',
    level: 'SHOULD',
    text: 'A reference is used up by an authorization, not by a page that is loaded.',
    shownBy: [
      `${HTTP} › may be loaded again before sign-in, and is used once`,
      `${E2E} › may be loaded again before sign-in, gives one code, and then nothing`,
    ],
  },
  {
    id: 'RFC9126-5-required',
    source: 'RFC 9126 §5',
    level: 'MUST',
    text: 'Where requests must be pushed, of one client or of all, no other is taken.',
    shownBy: [`${HTTP} › tells a client that must push, and has not`],
  },
]
