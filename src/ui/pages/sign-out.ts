import { type FormProps, form } from '../form.js'
import { type Html, html } from '../html.js'
import { layout } from '../layout.js'
import {
  avatar,
  clientName,
  isolated,
  type NamedClient,
  type NamedUser,
  strong,
  userLines,
  userName,
} from '../names.js'
import type { PageContext } from '../page-context.js'

export type SignOutProps = FormProps & { readonly client?: NamedClient | undefined; readonly user: NamedUser }

/** Asks whether to sign out. Posts `decision`: `sign_out` or `stay`. OpenID Connect RP-Initiated Logout §2. */
export function signOutPage(props: SignOutProps, context: PageContext): Html {
  const { texts } = context.language
  const { client, user } = props
  const { title, asked, consequence, submit, stay } = texts.signOut
  const decisions = html`<div class="stack"><button class="primary" name="decision" value="sign_out">${submit}</button><button class="quiet" name="decision" value="stay">${stay}</button></div>`
  return layout(
    {
      title,
      body: html`<section class="card">
<div class="head"><h1>${title}</h1><p class="muted">${client && html`${asked(strong(clientName(client, texts)))} `}${consequence(isolated(context.brand.name))}</p></div>
<div class="who">${avatar(userName(user), 'person')}<span>${userLines(user)}</span></div>
${form(props, decisions)}
</section>`,
    },
    context,
  )
}
