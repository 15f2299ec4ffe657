import type { Requirement } from '../requirement.js'

const END_SESSION = 'test/http/end-session.test.ts'
const SIGN_OUT = 'test/http/sign-out.test.ts'
const TOKEN = 'test/unit/oauth/logout-token.test.ts'
const DELIVERY = 'test/store/logout-delivery.test.ts'
const ENDINGS = 'test/store/endings.test.ts'
const POST = 'test/unit/outbound/post-form.test.ts'

const SILENT = `${END_SESSION} › signs out without a question when an ID token of this session asks, an expired one too, and goes back with the state`
const FORGED = `${END_SESSION} › believes no ID token that this tenant did not sign as one: it asks, and never goes anywhere`
const UNREGISTERED = `${END_SESSION} › goes to no URI that the client did not register byte for byte: %s`

/** OpenID Connect RP-Initiated, Back-Channel and Front-Channel Logout. */
export const logout: readonly Requirement[] = [
  {
    id: 'RPLogout-2-methods',
    source: 'OpenID Connect RP-Initiated Logout §2',
    level: 'MUST',
    text: 'The logout endpoint takes GET and POST.',
    shownBy: [SILENT, `${END_SESSION} › is answered with the same by GET, so that the cookie comes along`],
  },
  {
    id: 'RPLogout-2-hint-issuer',
    source: 'OpenID Connect RP-Initiated Logout §2',
    level: 'MUST',
    text: 'An ID token that is given as a hint was issued by this server: altered, unsigned and foreign ones count for nothing.',
    shownBy: [FORGED],
  },
  {
    id: 'RPLogout-2-client-id',
    source: 'OpenID Connect RP-Initiated Logout §2',
    level: 'MUST',
    text: 'A client_id beside a hint is that of the client the hint was issued to.',
    shownBy: [
      `${END_SESSION} › refuses the ID token of one client for another, and a client that is unknown, with a page`,
    ],
  },
  {
    id: 'RPLogout-2-ask',
    source: 'OpenID Connect RP-Initiated Logout §2',
    level: 'MUST',
    text: 'Without a hint, or with one of another session or person, the person is asked.',
    shownBy: [
      `${END_SESSION} › asks the person, and ends nothing, with %s`,
      `${END_SESSION} › asks when the ID token is of another session, of another user, or the client names itself alone`,
      `${SIGN_OUT} › leaves who stays signed in, and goes nowhere else`,
    ],
  },
  {
    id: 'RPLogout-2-state',
    source: 'OpenID Connect RP-Initiated Logout §2',
    level: 'MUST',
    text: 'The state goes back unchanged with the redirect, and only with it.',
    shownBy: [
      SILENT,
      `${END_SESSION} › goes back without a state where none was sent, and keeps the query that was registered`,
      `${END_SESSION} › says that the person is signed out where nothing was asked for beyond that`,
    ],
  },
  {
    id: 'RPLogout-2-expired',
    source: 'OpenID Connect RP-Initiated Logout §2',
    level: 'SHOULD',
    text: 'A hint that has expired is accepted for a session that is live.',
    shownBy: [SILENT],
  },
  {
    id: 'RPLogout-3-registered',
    source: 'OpenID Connect RP-Initiated Logout §3',
    level: 'MUST',
    text: 'Browsers go back only to a URI that the client registered, compared as it stands.',
    shownBy: [UNREGISTERED, FORGED],
  },
  {
    id: 'RPLogout-3-vouched',
    source: 'OpenID Connect RP-Initiated Logout §3',
    level: 'MUST',
    text: 'Without a hint nobody is sent on, unless the client is confirmed otherwise: by the person.',
    shownBy: [
      `${END_SESSION} › sends nobody on who is not signed in, unless an ID token vouches for the client; else there is a link`,
      `${SIGN_OUT} › signs out who says so, and goes where the client that was named asked to, with its state`,
    ],
  },
  {
    id: 'RPLogout-6-csrf',
    source: 'OpenID Connect RP-Initiated Logout §6',
    level: 'SHOULD',
    text: 'Another site can sign nobody out.',
    shownBy: [`${SIGN_OUT} › takes an answer from the page it asked on alone`],
  },
  {
    id: 'BCLogout-2.4-claims',
    source: 'OpenID Connect Back-Channel Logout §2.4',
    level: 'MUST',
    text: 'A logout token has iss, aud, iat, exp, jti, events, and sub or sid.',
    shownBy: [`${TOKEN} › says which session of whom is over, to whom, and nothing else`],
  },
  {
    id: 'BCLogout-2.4-nonce',
    source: 'OpenID Connect Back-Channel Logout §2.4',
    level: 'MUST',
    text: 'A logout token has no nonce.',
    shownBy: [`${TOKEN} › can not pass for an ID token: it has a type of its own and no nonce`],
  },
  {
    id: 'BCLogout-2.4-signed',
    source: 'OpenID Connect Back-Channel Logout §2.4',
    level: 'MUST',
    text: 'A logout token is signed, with the algorithm and keys of ID tokens.',
    shownBy: [
      `${TOKEN} › is of the tenant, signed as the ID tokens of the client are, and of the subject that it knows`,
    ],
  },
  {
    id: 'BCLogout-2.5-post',
    source: 'OpenID Connect Back-Channel Logout §2.5',
    level: 'MUST',
    text: 'The token is posted as logout_token in a form.',
    shownBy: [`${DELIVERY} › is told at once that a session is over, by a form with a logout token and nothing else`],
  },
  {
    id: 'BCLogout-2.7-refresh',
    source: 'OpenID Connect Back-Channel Logout §2.7',
    level: 'MUST',
    text: 'What was granted without offline access ends with the session; what was granted with it does not.',
    shownBy: [
      `${ENDINGS} › the end of a session ends what was begun in it, and leaves what was given to last, without the session`,
    ],
  },
  {
    id: 'BCLogout-2.8-answers',
    source: 'OpenID Connect Back-Channel Logout §2.8',
    level: 'MUST',
    text: '200 and 204 are success, 400 is a refusal; whatever else is answered is tried again.',
    shownBy: [
      `${DELIVERY} › that answers %i knows`,
      `${DELIVERY} › that says the token is wrong is not asked again`,
      `${DELIVERY} › that answers %i is tried again later`,
    ],
  },
  {
    id: 'BCLogout-4-ssrf',
    source: 'OpenID Connect Back-Channel Logout §4',
    level: 'SHOULD',
    text: 'The address that a client registered can not be used to reach what is not public.',
    shownBy: [
      `${DELIVERY} › that can not be reached, or is somewhere it must not be, is not asked, and tried again`,
      `${POST} › connects to no private address that is not opened`,
      `${POST} › follows no redirect with status %i, and posts nothing twice`,
    ],
  },
  {
    id: 'FCLogout-3-frames',
    source: 'OpenID Connect Front-Channel Logout §3',
    level: 'MUST',
    text: 'Clients that are told by the browser are loaded in frames, with issuer and session.',
    shownBy: [
      `${END_SESSION} › shows clients that are told by the browser in frames, with issuer and session, and goes on`,
    ],
  },
  {
    id: 'RFC9700-4.11-open-redirect',
    source: 'RFC 9700 §4.11',
    level: 'MUST',
    text: 'Signing out is no open redirector.',
    shownBy: [UNREGISTERED, FORGED],
  },
]
