import { visible } from '../display-name.js'
import { type FormProps, form, problem } from '../form.js'
import { type Html, html, type Value } from '../html.js'
import { layout } from '../layout.js'
import { avatar, clientName, isolated, type NamedClient, strong } from '../names.js'
import type { PageContext } from '../page-context.js'
import { within } from '../times.js'

export type SignInProps = FormProps & {
  /** Undefined: for the account page. */
  readonly client?: NamedClient | undefined
  readonly username?: string | undefined
  /** It is known who must sign in again. */
  readonly fixed?: boolean | undefined
  readonly error?: 'credentials' | 'throttled' | 'too_long' | 'busy' | 'expired' | undefined
  /** Seconds. */
  readonly retryAfter?: number | undefined
  /** Whether there is somewhere to go without signing in. */
  readonly cancellable: boolean
}

/** Asks for username and password. Posts `username`, `password` and `decision`: `sign_in` or `cancel`. OpenID Connect Core §3.1.2.3. */
export function signInPage(props: SignInProps, context: PageContext): Html {
  const texts = context.language.texts.signIn
  const confirms = props.fixed === true && props.username !== undefined
  const title = confirms ? texts.confirmTitle : texts.title
  const fields = html`${confirms ? fixedUsername(props) : usernameField(props, context)}${passwordField(props, context)}
<div class="stack"><button class="primary" name="decision" value="sign_in">${confirms ? texts.confirm : texts.submit}</button>${
    props.cancellable &&
    html`<button class="quiet" name="decision" value="cancel" formnovalidate>${texts.cancel}</button>`
  }</div>`
  return layout(
    {
      title,
      failed: props.error !== undefined,
      body: html`<section class="card">
<div class="head"><h1>${title}</h1><p class="muted">${purpose(props, context, confirms)}</p></div>
${errorNote(props, context)}${form(props, fields)}
</section>`,
    },
    context,
  )
}

function purpose({ client }: SignInProps, { language }: PageContext, confirms: boolean): Value {
  const texts = language.texts.signIn
  if (!client) return confirms ? texts.confirmToAccount : texts.toAccount
  const name = strong(clientName(client, language.texts))
  return confirms ? texts.confirmToContinue(name) : texts.toContinue(name)
}

function errorNote({ error, retryAfter = 60 }: SignInProps, { language }: PageContext): Value {
  if (!error) return undefined
  const [what, advice] = language.texts.signIn.errors[error]
  return problem([what, typeof advice === 'function' ? advice(within(retryAfter, language.tag)) : advice])
}

/** Of two fields the first that is empty has the focus; all that is wrong with them is told with both. */
function state({ error }: SignInProps): Html {
  const isWrong = error === 'credentials' || error === 'too_long'
  return html`${isWrong && html` aria-invalid="true"`}${error && html` aria-describedby="problem"`}`
}

// Not of the type `email`: browsers refuse, or rewrite, addresses beyond ASCII that are accounts here.
function usernameField(props: SignInProps, { language }: PageContext): Html {
  return html`<div class="field"><label for="username">${language.texts.signIn.username}</label><input id="username" name="username" type="text" inputmode="email" autocomplete="username" autocapitalize="none" autocorrect="off" spellcheck="false" dir="auto" required value="${props.username}"${state(props)}${!props.username && html` autofocus`}></div>
`
}

/** The name shown, and hidden where password managers look for it. */
function fixedUsername({ username = '' }: SignInProps): Html {
  return html`<div class="who">${avatar(username, 'person')}<span>${isolated(visible(username))}</span></div>
<input name="username" type="text" autocomplete="username" value="${username}" readonly hidden>`
}

function passwordField(props: SignInProps, { language }: PageContext): Html {
  return html`<div class="field"><label for="password">${language.texts.signIn.password}</label><input id="password" name="password" type="password" autocomplete="current-password" required${state(props)}${props.username && html` autofocus`}></div>
`
}
