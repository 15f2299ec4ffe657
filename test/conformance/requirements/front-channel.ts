import type { Requirement } from '../requirement.js'

const at = (name: string) => `test/http/front-channel/${name}.test.ts`
const [RESPONSES, REDIRECTS, CODES] = [at('responses'), at('redirects'), at('codes')]
const [FLOWS, PAGES, REQUESTS, SIGN_IN] = [at('flows'), at('pages'), at('requests'), at('sign-in')]
const RACE = 'test/e2e/code-race.test.ts'
const AUTHORIZE = 'test/http/authorize.test.ts'
const METADATA = 'test/http/metadata.test.ts'
const PKCE = 'test/unit/oauth/pkce.test.ts'
const REDIRECT_URI = 'test/unit/oauth/redirect-uri.test.ts'

const row =
  (level: Requirement['level']) =>
  (id: string, source: Requirement['source'], text: string, ...shownBy: string[]): Requirement => ({
    id,
    source,
    level,
    text,
    shownBy,
  })
const [must, should] = [row('MUST'), row('SHOULD')]

/** What happens in a browser, and what is tried there: RFC 6749 §10, 7636, 8252, 9207, 9700. */
export const frontChannel: readonly Requirement[] = [
  must(
    'RFC9207-2-iss',
    'RFC 9207 §2',
    'Every authorization response has the issuer, errors included, in each mode, as metadata has it.',
    `${RESPONSES} › F1 names the issuer in an error: $name`,
    `${RESPONSES} › F1 names the issuer with a code, and when a person refuses`,
    `${RESPONSES} › F1 names the issuer where another person signed in than was asked for`,
  ),
  must(
    'RFC9700-4.1-exact',
    'RFC 9700 §4.1.3',
    'Redirect URIs are compared as strings, and nobody is sent to one that is not registered.',
    `${REDIRECTS} › F5 is sent to no other, nor anybody else: with a page, and never a Location`,
    `${REDIRECTS} › F5 is sent to it as it was registered`,
    `${REDIRECTS} › F5 has none that two parsers read as two places, when it is registered`,
    `${FLOWS} › F6 is not sent to a redirect URI that the client has lost since`,
  ),
  should(
    'RFC9700-4.2-referrer',
    'RFC 9700 §4.2.4',
    'Pages send no referrer and load nothing of others.',
    `${PAGES} › F26 sends no referrer, loads nothing of others, and is no window of theirs`,
  ),
  should(
    'RFC9700-4.3-history',
    'RFC 9700 §4.3.1',
    'A code that is left in a history is used up, short-lived, and worth nothing without its verifier.',
    `${CODES} › D12 is over after a minute`,
    `${CODES} › F2 is redeemed by no verifier but its own, and is still good when others have tried`,
    `${CODES} › F4 that comes twice ends what was made of it; by whom it is not, it ends nothing`,
  ),
  must(
    'RFC9700-4.4-mix-up',
    'RFC 9700 §4.4.2',
    'A client can tell whose response it has.',
    `${RESPONSES} › F1 names the issuer in an error: $name`,
    `${RESPONSES} › F1 names the issuer with a code, and when a person refuses`,
  ),
  must(
    'RFC9700-4.5-injection',
    'RFC 9700 §4.5.3',
    'A code is bound to the client, the verifier and the redirect URI that it was asked for with.',
    `${CODES} › F2 is redeemed by no verifier but its own, and is still good when others have tried`,
    `${CODES} › F2 is redeemed with no redirect URI but its own, nor one that its client has beside`,
    `${CODES} › T4 of one client is none of another, nor of another tenant, and is not used up by their trying`,
  ),
  must(
    'RFC9700-4.6-no-token-in-front',
    'RFC 9700 §4.6',
    'No access token comes from the authorization endpoint, to be injected elsewhere.',
    `${AUTHORIZE} › tells the client of $name`,
    `${CODES} › T10 takes no token of any other kind`,
  ),
  must(
    'RFC9700-4.7-csrf',
    'RFC 9700 §4.7.1',
    'What a person answers counts from the page of this flow, in the browser and the session it was made for.',
    `${FLOWS} › F11 counts only from the page of this flow, this browser and this session`,
    `${FLOWS} › F11 never counts from the page of another site, csrf token or not: %j`,
    `${FLOWS} › F11 is never given by GET`,
    `${FLOWS} › F12 is worth nothing there: neither shown nor answered`,
  ),
  must(
    'RFC9700-4.8-downgrade',
    'RFC 9700 §4.8.2',
    'Nobody gets a code without a challenge, nor redeems one without its verifier.',
    `${CODES} › F3 is asked of everybody, and S256 alone: %s`,
    `${CODES} › F3 of a pushed request is that of the push, whatever the browser brings`,
  ),
  should(
    'RFC9700-4.9-leak-at-the-api',
    'RFC 9700 §4.9.3',
    'A token that leaks at one API tells nothing there, and is worth nothing at another.',
    'test/unit/keys/mint.test.ts › has the claims of RFC 9068 and ours, and tells none of them outside',
    'test/http/userinfo.test.ts › is one of another API: the developer is told what to ask for',
  ),
  should(
    'RFC9700-4.10-audience',
    'RFC 9700 §4.10.2',
    'A token is for one API, and no more is had by its code than was allowed.',
    `${CODES} › T5 makes no more than was allowed`,
    'test/http/userinfo.test.ts › is one of another API: the developer is told what to ask for',
  ),
  must(
    'RFC9700-4.11-open-redirect-anywhere',
    'RFC 9700 §4.11.2',
    'The browser is sent to nobody for a client that is not proven, and nothing of a request says where to go next.',
    `${REDIRECTS} › F6 is never sent on for a client that is not proven: %j`,
    `${REDIRECTS} › F6 finds in no parameter of ours where it would go next`,
    `${REDIRECTS} › F6 goes from sign-out to what the client registered, byte for byte, or nowhere`,
  ),
  must(
    'RFC9700-4.12-see-other',
    'RFC 9700 §4.12',
    'A form with a password is never posted on: redirects are 303.',
    `${FLOWS} › F11 counts only from the page of this flow, this browser and this session`,
    `${REQUESTS} › F19 is told to the client: %s, in whichever way`,
  ),
  must(
    'RFC9700-4.13-proxies',
    'RFC 9700 §4.13',
    'What a caller says of host, scheme or proxies changes nothing of what comes back.',
    `${REQUESTS} › F22 changes nothing of what comes back`,
    `${METADATA} › does not believe %s`,
  ),
  must(
    'RFC9700-4.14-refresh',
    'RFC 9700 §4.14.2',
    'A refresh token ends with the grant that a replayed code ends, and has no more scope than was granted.',
    `${RACE} › F4 is redeemed once by 50 at once, and the others end what the one was given`,
    `${CODES} › T5 makes no more than was allowed`,
  ),
  should(
    'RFC9700-4.15-client-as-owner',
    'RFC 9700 §4.15.1',
    'A token of a client’s own is taken for no user’s.',
    `${CODES} › T10 takes no token of any other kind`,
  ),
  must(
    'RFC9700-4.16-clickjacking',
    'RFC 9700 §4.16',
    'No page can be framed.',
    `${PAGES} › F10 can be framed by nobody`,
  ),
  must(
    'RFC9700-4.17-in-browser',
    'RFC 9700 §4.17',
    'No response is handed to a window: there is no such mode, and no page reads our pages.',
    `${AUTHORIZE} › tells the client of $name`,
    `${PAGES} › F25 is read by no page of another origin, a client’s own included`,
  ),
  must(
    'RFC6749-10.12-csrf',
    'RFC 6749 §10.12',
    'The authorization endpoint guards against forged requests, and nothing is authorized without the person.',
    `${FLOWS} › F11 never counts from the page of another site, csrf token or not: %j`,
    `${FLOWS} › F12 is not finished for whoever began it by who was led to it`,
    `${FLOWS} › F12 for one client is none for another, when two tabs are open`,
  ),
  should(
    'RFC6749-10.13-clickjacking',
    'RFC 6749 §10.13',
    'No page can be framed.',
    `${PAGES} › F10 can be framed by nobody`,
  ),
  must(
    'RFC6749-10.14-input',
    'RFC 6749 §10.14',
    'What is received is checked and never becomes a header, markup or another parameter, the state above all.',
    `${RESPONSES} › F7 has each parameter once, whatever the state looks like`,
    `${RESPONSES} › F8 gives back the state as it came, and no header of it: %j`,
    `${RESPONSES} › F9 runs one script, by a nonce, whatever client and state are called`,
    `${REQUESTS} › F20 is refused where two parsers would read two things: %j`,
    `${SIGN_IN} › T15 D6 logs nothing of a whole run that is worth anything, and one line a request`,
  ),
  must(
    'RFC6749-10.15-open-redirectors',
    'RFC 6749 §10.15',
    'The endpoint is no open redirector.',
    `${REDIRECTS} › F6 is never sent on for a client that is not proven: %j`,
    `${REDIRECTS} › F5 is sent to no other, nor anybody else: with a page, and never a Location`,
  ),
  must(
    'RFC7636-4.3-method',
    'RFC 7636 §4.3',
    'Without a method the challenge is plain, which is not supported.',
    `${CODES} › F3 is asked of everybody, and S256 alone: %s`,
  ),
  must(
    'RFC7636-4.4-error',
    'RFC 7636 §4.4.1',
    'A request without a challenge, or with a method that is not supported, is answered with invalid_request.',
    `${CODES} › F3 is asked of everybody, and S256 alone: %s`,
    `${AUTHORIZE} › tells the client of $name`,
  ),
  must(
    'RFC7636-4.5-verifier',
    'RFC 7636 §4.5',
    'The verifier comes with the code, and is well formed.',
    `${CODES} › F2 is redeemed by no verifier but its own, and is still good when others have tried`,
    `${PKCE} › is the one that its challenge was made of, and no other`,
  ),
  must(
    'RFC7636-4.6-verification',
    'RFC 7636 §4.6',
    'A verifier that does not fit the challenge is answered with invalid_grant.',
    `${CODES} › F2 is redeemed by no verifier but its own, and is still good when others have tried`,
    `${RACE} › F4 is taken by whom it was given to while others try it, who end nothing`,
  ),
  must(
    'RFC8252-7.1-private-schemes',
    'RFC 8252 §7.1',
    'Schemes of apps are taken, as they were registered, and never posted to.',
    `${RESPONSES} › F7 is kept byte for byte: %s`,
    `${RESPONSES} › F9 is never one of a scheme that a form must not post to`,
  ),
  must(
    'RFC8252-7.3-loopback',
    'RFC 8252 §7.3',
    'Of a loopback address any port is taken, and all else is exact.',
    `${REDIRECTS} › F5 is sent to any port of a loopback address, and stays on it`,
    `${REDIRECT_URI} › may have any port: %s`,
    `${REDIRECT_URI} › is else as exact as any other: %s`,
  ),
  must(
    'RFC8252-8.1-pkce',
    'RFC 8252 §8.1',
    'Native apps have no code without PKCE.',
    `${CODES} › F3 is asked of everybody, and S256 alone: %s`,
  ),
  must(
    'RFC8252-8.4-registration',
    'RFC 8252 §8.4',
    'The whole redirect URI of an app is registered.',
    `${REDIRECTS} › F5 is sent to no other, nor anybody else: with a page, and never a Location`,
  ),
  should(
    'RFC8252-8.6-impersonation',
    'RFC 8252 §8.6',
    'Who could be any program of the device is never answered without asking the person.',
    `${PAGES} › F16 is asked every time of who could be any program of the device: %s`,
    `${PAGES} › F15 comes with where it leads, as the browser will write it, and whether anybody has looked`,
  ),
]
