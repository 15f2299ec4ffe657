import { type FormProps, form } from '../form.js'
import { type Html, html } from '../html.js'
import { layout } from '../layout.js'
import { avatar, clientName, type NamedClient, type NamedUser, strong, userLines, userName } from '../names.js'
import type { PageContext } from '../page-context.js'

export type SelectAccountProps = FormProps & {
  readonly client?: NamedClient | undefined
  /** The one who is signed in first. */
  readonly accounts: readonly NamedUser[]
}

/** Asks which account to go on with. Posts `account`: `current`, the number of a further one, or `other`. OpenID Connect Core §3.1.2.1. */
export function selectAccountPage(props: SelectAccountProps, context: PageContext): Html {
  const { texts } = context.language
  const { client, accounts } = props
  const purpose = client ? texts.signIn.toContinue(strong(clientName(client, texts))) : html`${texts.signIn.toAccount}`
  const choices = accounts.map(
    (user, index) =>
      html`<button class="choice" name="account" value="${index === 0 ? 'current' : index}">${avatar(userName(user), 'person')}<span class="grow">${userLines(user)}</span></button>`,
  )
  const other = html`<button class="quiet" name="account" value="other">${texts.selectAccount.other}</button>`
  return layout(
    {
      title: texts.selectAccount.title,
      body: html`<section class="card">
<div class="head"><h1>${texts.selectAccount.title}</h1><p class="muted">${purpose}</p></div>
${form(props, html`<div class="stack">${choices}${other}</div>`)}
</section>`,
    },
    context,
  )
}
