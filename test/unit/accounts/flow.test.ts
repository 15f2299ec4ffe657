import { describe, expect, it } from 'vitest'
import { needsConsent } from '../../../src/accounts/consent.js'
import { type Flow, type FlowFacts, nextNeed, refusalOf } from '../../../src/accounts/flow.js'
import type { AuthorizationRequest, BrowserSession, Prompt } from '../../../src/oauth/records.js'

const NOW = 1_800_000_000

const session = (ago = 60): BrowserSession => ({
  tenantId: 't',
  id: 's1',
  createdAt: new Date((NOW - 3600) * 1000),
  expiresAt: new Date((NOW + 3600) * 1000),
  authTime: new Date((NOW - ago) * 1000),
  amr: ['pwd'],
  acr: '1',
  user: { id: 'u1', username: 'ann@example.com', name: 'Ann', credentialVersion: 1 },
})

const request = (change: Partial<AuthorizationRequest> = {}): AuthorizationRequest => ({
  clientId: 'app',
  redirectUri: 'https://ok.example/cb',
  responseMode: 'query',
  state: undefined,
  scope: ['openid'],
  apis: [],
  codeChallenge: 'x',
  nonce: undefined,
  prompt: [],
  maxAge: undefined,
  loginHint: undefined,
  hintedSubject: undefined,
  acrValues: [],
  claims: undefined,
  uiLocales: [],
  ...change,
})

const need = (
  flow: { prompt?: Prompt[]; maxAge?: number } & Partial<Pick<Flow, 'session' | 'account'>>,
  facts: Partial<FlowFacts> = {},
) => {
  const { session: signedIn, account, ...asked } = flow
  const state: Flow = { purpose: 'authorize', request: request(asked), session: signedIn, account }
  return nextNeed(state, { session: session(), isNamedUser: true, needsConsent: false, now: NOW, ...facts })
}

describe('what is needed next', () => {
  it.each<[string, ReturnType<typeof need>, ReturnType<typeof nextNeed>]>([
    ['a sign-in, of a stranger', need({}, { session: undefined }), 'sign_in'],
    ['nothing, of who is signed in', need({}), undefined],
    ['consent, of who is signed in and has not allowed it', need({}, { needsConsent: true }), 'consent'],
    ['a sign-in before consent', need({}, { session: undefined, needsConsent: true }), 'sign_in'],
    ['a sign-in, for prompt login', need({ prompt: ['login'] }), 'sign_in'],
    ['nothing more, once prompt login was answered', need({ prompt: ['login'], session: 's1' }), undefined],
    ['a sign-in, where another session signed in here', need({ prompt: ['login'], session: 's0' }), 'sign_in'],
    ['a sign-in, when the last is too long ago', need({ maxAge: 59 }), 'sign_in'],
    ['nothing, when it is not', need({ maxAge: 60 }), undefined],
    ['a sign-in, with max_age 0 whatever the clocks say', need({ maxAge: 0 }, { session: session(-5) }), 'sign_in'],
    ['nothing more, once that was answered', need({ maxAge: 0, session: 's1' }), undefined],
    ['nothing more, however long the person took since', need({ maxAge: 1, session: 's1' }), undefined],
    ['a sign-in, of another than the one named', need({}, { isNamedUser: false }), 'sign_in'],
    ['a choice, for prompt select_account', need({ prompt: ['select_account'] }), 'select_account'],
    ['no choice of a stranger', need({ prompt: ['select_account'] }, { session: undefined }), 'sign_in'],
    ['nothing more, once it was made', need({ prompt: ['select_account'], account: { current: 's1' } }), undefined],
    [
      'a choice again, where it was of another session',
      need({ prompt: ['select_account'], account: { current: 's0' } }),
      'select_account',
    ],
    ['a sign-in, when another account was chosen', need({ prompt: ['select_account'], account: 'other' }), 'sign_in'],
    ['nothing more, once that has signed in', need({ account: 'other', session: 's1' }), undefined],
    [
      'a sign-in after the choice, for both',
      need({ prompt: ['login', 'select_account'], account: { current: 's1' } }),
      'sign_in',
    ],
  ])('is %s', (_, found, expected) => {
    expect(found).toBe(expected)
  })

  it('on the way to the account page is a sign-in alone', () => {
    const facts = { isNamedUser: true, needsConsent: true, now: NOW }
    expect(nextNeed({ purpose: 'account' }, { ...facts, session: undefined })).toBe('sign_in')
    expect(nextNeed({ purpose: 'account' }, { ...facts, session: session() })).toBeUndefined()
  })

  it('is told the client where nobody may be asked', () => {
    expect((['sign_in', 'consent', 'select_account'] as const).map((one) => refusalOf(one).code)).toEqual([
      'login_required',
      'consent_required',
      'interaction_required',
    ])
  })
})

describe('consent', () => {
  const asked = new Map([
    ['', ['openid', 'email']],
    ['api_1', ['read']],
  ])
  const needed = (
    client: { firstParty?: boolean; public?: boolean },
    {
      given = new Map<string, string[]>(),
      ...change
    }: { given?: Map<string, string[]> } & Partial<AuthorizationRequest> = {},
  ) => needsConsent({ firstParty: false, public: false, ...client }, request(change), { asked, given })
  const all = new Map(asked)

  it.each<[string, boolean, boolean]>([
    ['is asked for another’s client', needed({}), true],
    ['is not asked again for what was allowed', needed({}, { given: all }), false],
    ['is asked again when the scope grows', needed({}, { given: new Map([...all, ['api_1', []]]) }), true],
    ['is asked again for another API', needed({}, { given: new Map([['', ['openid', 'email']]]) }), true],
    ['is not asked for a tenant’s own confidential client', needed({ firstParty: true }), false],
    ['nor for its own public one on https', needed({ firstParty: true, public: true }), false],
    [
      'nor for its own confidential one on loopback',
      needed({ firstParty: true }, { redirectUri: 'http://127.0.0.1/cb' }),
      false,
    ],
    [
      'is always asked for a public client that any program could pretend to be',
      needed({ firstParty: true, public: true }, { redirectUri: 'http://127.0.0.1/cb', given: all }),
      true,
    ],
    [
      'is always asked for one with a scheme of its own',
      needed({ public: true }, { redirectUri: 'com.example.app:/cb', given: all }),
      true,
    ],
    ['is asked where the client wants it asked', needed({ firstParty: true }, { prompt: ['consent'] }), true],
    ['of a public client on https is remembered', needed({ public: true }, { given: all }), false],
  ])('%s', (_, found, expected) => {
    expect(found).toBe(expected)
  })
})
