import type { Html } from '../../src/ui/html.js'
import type { PageContext } from '../../src/ui/page-context.js'
import { accountPage } from '../../src/ui/pages/account.js'
import { type ConsentProps, consentPage } from '../../src/ui/pages/consent.js'
import { devicePage } from '../../src/ui/pages/device.js'
import { type ErrorKind, errorPage } from '../../src/ui/pages/error.js'
import { formPostPage } from '../../src/ui/pages/form-post.js'
import { selectAccountPage } from '../../src/ui/pages/select-account.js'
import { signInPage } from '../../src/ui/pages/sign-in.js'
import { signOutPage } from '../../src/ui/pages/sign-out.js'
import { signedOutPage } from '../../src/ui/pages/signed-out.js'
import { signingOutPage } from '../../src/ui/pages/signing-out.js'

/** A page in one of its states. */
export type Exhibit = {
  readonly name: string
  readonly draw: (context: PageContext) => Html
  /** What a person comes for: reached by Tab, set off by Enter. */
  readonly main?: string
  readonly script?: boolean
  readonly frames?: readonly string[]
}

/** What others choose, in every place that they have a say in. */
export type Strangers = {
  readonly client: string
  readonly user: string
  readonly username: string
  readonly permission: string
  readonly state: string
  readonly userAgent: string
}

export const WELL_BEHAVED: Strangers = {
  client: 'Orders',
  user: 'Ada Lovelace',
  username: 'ada@acme.example',
  permission: 'Read your orders',
  state: 'af0ifjsldkj',
  userAgent: 'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0',
}

const before = (minutes: number) => new Date(Date.now() - minutes * 60_000)
const SAFARI =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1'
const EDGE =
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36 Edg/126.0.0.0'
const ERRORS: readonly ErrorKind[] = [
  'bad_request',
  'bad_link',
  'expired',
  'forbidden',
  'not_found',
  'method',
  'too_many',
  'unavailable',
  'unexpected',
]

const LATER: readonly ErrorKind[] = ['too_many', 'unavailable']

/** Every page, in every state it can be in. */
export function gallery(strangers: Strangers = WELL_BEHAVED): readonly Exhibit[] {
  const form = { action: '/here', csrf: 'k7Jd0csrf' }
  const client = { name: strangers.client }
  const user = { name: strangers.user, username: strangers.username }
  return [
    ...signIn(strangers),
    ...consent(strangers),
    {
      name: 'select-account',
      draw: (context) => selectAccountPage({ ...form, client, accounts: [user] }, context),
      main: '[name=account][value=current]',
    },
    {
      name: 'sign-out',
      draw: (context) => signOutPage({ ...form, client, user }, context),
      main: '[value=sign_out]',
    },
    { name: 'signed-out', draw: (context) => signedOutPage({}, context) },
    {
      name: 'signed-out-continue',
      draw: (context) => signedOutPage({ client, continueTo: 'https://app.example/bye?a=1&b=2' }, context),
    },
    {
      name: 'signing-out',
      draw: (context) => signingOutPage({ frames: ['/frame'], continueTo: '/elsewhere' }, context),
      frames: ["'self'"],
    },
    { name: 'device', draw: (context) => devicePage(form, context), main: '[name=user_code]' },
    {
      name: 'device-error',
      draw: (context) => devicePage({ ...form, userCode: strangers.state, error: 'unknown' }, context),
      main: '[name=user_code]',
    },
    ...account(strangers),
    ...ERRORS.map((kind) => ({
      name: `error-${kind}`,
      draw: (context: PageContext) =>
        errorPage(
          {
            kind,
            reference: '7f3a91c2-0b5e-4c39-9a55-1d6a2f4b8e10',
            detail: strangers.state,
            retryAfter: LATER.includes(kind) ? 120 : undefined,
          },
          context,
        ),
    })),
    {
      name: 'form-post',
      draw: (context) =>
        formPostPage({ action: 'https://app.example/callback', fields: [['state', strangers.state]], client }, context),
      script: true,
    },
  ]
}

function signIn({ client: name, username }: Strangers): Exhibit[] {
  const props = { action: '/here', csrf: 'k7Jd0csrf', client: { name }, cancellable: true }
  const errors = ['credentials', 'throttled', 'too_long', 'busy', 'expired'] as const
  return [
    { name: 'sign-in', draw: (context) => signInPage(props, context), main: '[name=username]' },
    {
      name: 'sign-in-account',
      draw: (context) => signInPage({ action: '/here', csrf: 'k7Jd0csrf', cancellable: false }, context),
      main: '[name=username]',
    },
    {
      name: 'sign-in-again',
      draw: (context) => signInPage({ ...props, username, fixed: true }, context),
      main: '[name=password]',
    },
    ...errors.map((error) => ({
      name: `sign-in-${error}`,
      draw: (context: PageContext) => signInPage({ ...props, username, error, retryAfter: 700 }, context),
      main: '[name=password]',
    })),
  ]
}

function consent({ client: name, permission, ...user }: Strangers): Exhibit[] {
  const verified: ConsentProps = {
    action: '/here',
    csrf: 'k7Jd0csrf',
    client: {
      name,
      verified: true,
      uri: { policyUri: 'https://app.example/privacy', tosUri: 'https://app.example/terms' },
    },
    destination: { kind: 'web', host: 'app.example' },
    permissions: [
      { scope: 'profile' },
      { scope: 'email' },
      { text: permission, api: 'Orders API' },
      { scope: 'offline_access' },
    ],
    user: { name: user.user, username: user.username },
  }
  const unverified = { name, verified: false }
  const main = '[value=allow]'
  return [
    { name: 'consent', draw: (context) => consentPage(verified, context), main },
    {
      name: 'consent-device',
      draw: (context) =>
        consentPage(
          { ...verified, client: unverified, destination: { kind: 'device', host: '127.0.0.1:49152' } },
          context,
        ),
      main,
    },
    {
      name: 'consent-app',
      draw: (context) =>
        consentPage(
          {
            ...verified,
            client: { name: 'Pаypal', verified: false },
            destination: { kind: 'app', scheme: 'com.example.app' },
            permissions: [],
          },
          context,
        ),
      main,
    },
  ]
}

function account({ client: name, permission, userAgent, ...user }: Strangers): Exhibit[] {
  const props = { action: '/here', csrf: 'k7Jd0csrf', user: { name: user.user, username: user.username } }
  const main = '[value=sign_out]'
  return [
    {
      name: 'account',
      draw: (context) =>
        accountPage(
          {
            ...props,
            sessions: [
              { id: 's1', current: true, userAgent, address: '192.0.2.7', usedAt: before(0), createdAt: before(60) },
              {
                id: 's2',
                current: false,
                userAgent: SAFARI,
                address: '2001:db8::17',
                usedAt: before(125),
                createdAt: before(9_000),
              },
              { id: 's3', current: false, userAgent: EDGE, usedAt: before(4_000), createdAt: before(9_000) },
            ],
            apps: [
              {
                clientId: 'c1',
                name,
                verified: true,
                permissions: [{ scope: 'profile' }, { text: permission, api: 'Orders API' }],
                since: before(380_000),
                lastUsedAt: before(5),
              },
              {
                clientId: 'c2',
                name: 'Shell Agent',
                verified: false,
                permissions: [{ scope: 'email' }],
                since: before(9_000),
              },
            ],
            notice: 'session_ended',
          },
          context,
        ),
      main,
    },
    {
      name: 'account-empty',
      draw: (context) => accountPage({ ...props, user: { username: user.username }, sessions: [], apps: [] }, context),
      main,
    },
  ]
}
