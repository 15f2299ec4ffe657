import type { Requirement } from '../requirement.js'

const CHALLENGE = 'test/http/authorize-challenge.test.ts'
const COOKIE = 'test/http/refresh-cookie.test.ts'
const E2E = 'test/e2e/first-party.test.ts'
const PEER = 'test/peers/single-page-app.test.ts'

/** draft-ietf-oauth-first-party-apps, and what RFC 10017 asks of browser apps and of who serves them. */
export const firstPartyApps: readonly Requirement[] = [
  {
    id: 'FIRST-PARTY-4.1-authentication',
    source: 'draft-ietf-oauth-first-party-apps §4.1',
    level: 'MUST',
    text: 'Clients that authenticate at the token endpoint authenticate here as well.',
    shownBy: [`${CHALLENGE} › authenticates a confidential client as the token endpoint does`],
  },
  {
    id: 'FIRST-PARTY-4.1-parameters',
    source: 'draft-ietf-oauth-first-party-apps §4.1',
    level: 'MUST',
    text: 'The parameters of an authorization request are accepted, those of extensions included.',
    shownBy: [
      `${CHALLENGE} › gives a first-party app a code for username and password, which the token endpoint takes`,
      `${CHALLENGE} › gives a code to whom the request names alone`,
    ],
  },
  {
    id: 'FIRST-PARTY-5-first-party',
    source: 'draft-ietf-oauth-first-party-apps §5',
    level: 'MUST',
    text: 'Only a first-party client gets any further.',
    shownBy: [`${CHALLENGE} › refuses a client that %s, before any password is looked at`],
  },
  {
    id: 'FIRST-PARTY-5.2-insufficient',
    source: 'draft-ietf-oauth-first-party-apps §5.2.2.1',
    level: 'MUST',
    text: 'What is missing is asked for with 403, insufficient_authorization.',
    shownBy: [`${CHALLENGE} › asks for what is missing with 403 and an auth_session that holds the request`],
  },
  {
    id: 'FIRST-PARTY-5.2-redirect-to-web',
    source: 'draft-ietf-oauth-first-party-apps §5.2.2.1.1',
    level: 'MUST',
    text: 'A request that waits in a browser has a code challenge, and redirect_to_web is 403.',
    shownBy: [
      `${CHALLENGE} › sends who must be asked for consent to a browser, with the request waiting there`,
      `${CHALLENGE} › refuses %s before any password is looked at`,
    ],
  },
  {
    id: 'FIRST-PARTY-5.3-auth-session',
    source: 'draft-ietf-oauth-first-party-apps §5.3.1',
    level: 'MUST',
    text: 'An auth_session tells the client nothing, and is good for one sequence of one client.',
    shownBy: [
      `${CHALLENGE} › takes no auth_session but one of its own, for this client, at this tenant`,
      `${CHALLENGE} › takes an auth_session for no request but its own: %s`,
    ],
  },
  {
    id: 'FIRST-PARTY-6-token-request',
    source: 'draft-ietf-oauth-first-party-apps §6',
    level: 'MUST',
    text: 'The code is redeemed at the token endpoint, without a redirect_uri where none was in the request.',
    shownBy: [
      `${CHALLENGE} › holds a code of no redirect URI to none`,
      `${E2E} › gets a code in steps, and tokens for it that a browser’s code would bring`,
    ],
  },
  {
    id: 'FIRST-PARTY-9.3-throttled',
    source: 'draft-ietf-oauth-first-party-apps §9.3',
    level: 'SHOULD',
    text: 'Guessing is held back as in a browser.',
    shownBy: [`${CHALLENGE} › counts every password as a try`],
  },
  {
    id: 'RFC10017-6.1.3.2-cookie',
    source: 'RFC 10017 §6.1.3.2',
    level: 'MUST',
    text: 'A cookie that stands for tokens is Secure and HttpOnly; SameSite=Strict, with the path /, no Domain and the prefix __Host-.',
    shownBy: [
      `${COOKIE} › is given to the browser alone, for as long as its grant lasts`,
      `${PEER} › holds the refresh token where no script of its own finds it`,
    ],
  },
  {
    id: 'RFC10017-6.1.3.3-csrf',
    source: 'RFC 10017 §6.1.3.3',
    level: 'MUST',
    text: 'Requests that count by a cookie are defended against forgery.',
    shownBy: [
      `${COOKIE} › is neither given nor taken %s`,
      `${COOKIE} › is taken as JSON alone, which no form can send`,
      `${COOKIE} › ends nothing at a sign-out %s`,
      `${PEER} › shares nothing with a page of another origin on the same site`,
    ],
  },
  {
    id: 'RFC10017-6.3.2-origin',
    source: 'RFC 10017 §6.3.2',
    level: 'MUST',
    text: 'What a preflight allowed is asked again of the request: a page of one client does not act for another.',
    shownBy: [
      'test/http/par.test.ts › is open to the pages of its own client alone',
      `${CHALLENGE} › is open to the pages of its own client alone`,
      `${COOKIE} › may be sent by pages of the tenant’s clients, who are told so at three endpoints`,
    ],
  },
  {
    id: 'RFC10017-6.3.2.3-rotation',
    source: 'RFC 10017 §6.3.2.3',
    level: 'MUST',
    text: 'Refresh tokens of browser apps are rotated, and never beyond what the first was good for.',
    shownBy: [
      `${COOKIE} › is exchanged for an access token and its successor`,
      `${COOKIE} › ends the grant when a spent one comes back, and is forgotten`,
      `${E2E} › gets access tokens in every tab at once, and the same cookie`,
    ],
  },
]
