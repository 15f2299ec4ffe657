import { html, type Value } from '../html.js'

/**
 * All that people read, in English; another language has the same keys. A text with gaps takes names, which are marked up already where
 * they should be, and times in words.
 */
export const english = {
  layout: {
    failed: (title: Value) => html`Error: ${title}`,
    privacy: 'Privacy',
    help: 'Help',
    unnamedApp: 'An app without a name',
    developers: 'For whoever builds the app',
    reference: 'Reference',
  },
  signIn: {
    title: 'Sign in',
    toContinue: (client: Value) => html`to continue to ${client}`,
    toAccount: 'to your account',
    confirmTitle: 'Confirm it’s you',
    confirmToContinue: (client: Value) => html`Enter your password to continue to ${client}.`,
    confirmToAccount: 'Enter your password to continue to your account.',
    username: 'Email',
    password: 'Password',
    submit: 'Sign in',
    confirm: 'Continue',
    cancel: 'Cancel',
    errors: {
      credentials: ['That email and password don’t match.', 'Check both and try again.'],
      throttled: ['There were too many tries.', (when: Value) => html`Try again ${when}.`],
      too_long: ['That is longer than an email or a password can be.', 'Check what you pasted and try again.'],
      busy: [
        'Too many people are signing in right now.',
        (when: Value) => html`Nothing is wrong with what you typed. Try again ${when}.`,
      ],
      expired: ['This page was open for too long.', 'Nothing was sent. Enter your password once more.'],
    } satisfies Record<string, readonly [Value, Value | ((when: Value) => Value)]>,
  },
  consent: {
    title: (client: Value) => html`Allow ${client}?`,
    toWeb: (host: Value) => html`It will send you back to ${host}`,
    toDevice: (host: Value) => html`It will return to a program on this device at ${host}`,
    toApp: (scheme: Value) => html`It will return to the app on this device that opens ${scheme}`,
    unchecked: (tenant: Value) => html`Nobody at ${tenant} has checked this app.`,
    uncheckedAdvice: 'Go on only if you started this yourself and know where it leads.',
    mixedScripts: 'Its name mixes letters of different alphabets. It may pretend to be another app.',
    permissions: 'It will be able to',
    nothing: 'Nothing beyond knowing that you signed in',
    scopes: {
      openid: 'Know that it is you who signs in',
      profile: 'See your name and profile',
      email: 'See your email address',
      address: 'See your postal address',
      phone: 'See your phone number',
      offline_access: 'Stay connected until you end it',
    },
    allow: 'Allow',
    deny: 'Don’t allow',
    signedInAs: (user: Value) => html`Signed in as ${user}`,
    notYou: 'Not you?',
    endAnyTime: (account: Value) => html`You can end access at any time in ${account}.`,
    yourAccount: 'your account',
    privacyOf: (client: Value) => html`How ${client} uses data`,
    termsOf: (client: Value) => html`Terms of ${client}`,
  },
  selectAccount: {
    title: 'Choose an account',
    other: 'Use another account',
  },
  signOut: {
    title: 'Sign out?',
    asked: (client: Value) => html`${client} asks to sign you out.`,
    consequence: (tenant: Value) =>
      html`You’ll be signed out of ${tenant} in this browser, and of the apps you used with it.`,
    submit: 'Sign out',
    stay: 'Stay signed in',
    doneTitle: 'You’re signed out',
    done: 'You can close this window now.',
    doneShared: 'On a shared computer, close the browser as well.',
    workingTitle: 'Signing you out',
    working: 'Your apps are being told. This takes a few seconds.',
    continueTo: (client: Value) => html`Continue to ${client}`,
    continue: 'Continue',
  },
  device: {
    title: 'Connect a device',
    intro: 'Enter the code that the device shows.',
    userCode: 'Code',
    submit: 'Continue',
    advice: 'Go on only if the device is in front of you and is yours.',
    errors: {
      unknown: ['There is no such code.', 'Check it on the device and enter it again.'],
      expired: ['That code is no longer valid.', 'Let the device show a new one and enter that.'],
    } satisfies Record<string, readonly [Value, Value]>,
  },
  formPost: {
    title: (client: Value) => html`Going back to ${client}`,
    advice: 'If nothing happens, press the button.',
    submit: 'Continue',
  },
  account: {
    title: 'Your account',
    sessions: 'Where you’re signed in',
    noSessions: 'You’re signed in nowhere else.',
    thisOne: 'This one',
    browserOn: (browser: Value, system: Value) => html`${browser} on ${system}`,
    unknownBrowser: 'Unknown browser',
    lastUsed: (when: Value) => html`last used ${when}`,
    since: (day: Value) => html`since ${day}`,
    neverUsed: 'not used yet',
    endSession: 'Sign out',
    signOut: 'Sign out',
    signOutOthers: 'Sign out everywhere else',
    apps: 'Apps with access',
    noApps: 'No app has access to your account.',
    unchecked: 'Not checked',
    endAccess: 'End access',
    notices: {
      session_ended: 'That browser is signed out.',
      access_ended: 'The app has no access any more.',
      signed_out_elsewhere: 'You’re signed out everywhere but here.',
    },
  },
  errors: {
    bad_request: [
      'This didn’t work',
      'What arrived here is incomplete or damaged. Go back and try again from where you started.',
    ],
    bad_link: [
      'This link can’t be used',
      'The app that sent you here isn’t known, or asked to return to an address it hasn’t registered. We stopped to keep your account safe.',
    ],
    expired: [
      'This page has expired',
      'It was open for too long, or was finished in another window. Go back to the app and start again.',
    ],
    forbidden: [
      'You can’t do this here',
      'Your account isn’t allowed to, or the page was opened from somewhere else. Go back and start again.',
    ],
    not_found: ['There is nothing here', 'Check the address, or go back to where you came from.'],
    method: [
      'This can’t be opened like that',
      'The address is meant for another kind of request. Go back and start again.',
    ],
    too_many: ['Too many tries', 'Wait a little, then try again.'],
    unavailable: ['We’ll be right back', 'Something we need isn’t available right now. Nothing of yours is lost.'],
    unexpected: ['Something went wrong', 'It is our fault, and it has been recorded. Try again in a while.'],
  } satisfies Record<string, readonly [string, string]>,
  tryAgain: (when: Value) => html`Try again ${when}.`,
}

/** What every language says. */
export type Texts = typeof english
