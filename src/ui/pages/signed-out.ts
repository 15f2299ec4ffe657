import { type Html, html, url } from '../html.js'
import { layout } from '../layout.js'
import { clientName, isolated, type NamedClient } from '../names.js'
import type { PageContext } from '../page-context.js'

export type SignedOutProps = {
  readonly client?: NamedClient | undefined
  /** An https URL that the client registered, or a path. */
  readonly continueTo?: string | undefined
}

/** Says that the person is signed out. OpenID Connect RP-Initiated Logout §2. */
export function signedOutPage({ client, continueTo }: SignedOutProps, context: PageContext): Html {
  const { texts } = context.language
  const { doneTitle, done, doneShared } = texts.signOut
  const further = continueTo !== undefined && continueLink(continueTo, client, context)
  return layout(
    {
      title: doneTitle,
      body: html`<section class="card">
<div class="head"><h1>${doneTitle}</h1><p class="muted">${continueTo === undefined && html`${done} `}${doneShared}</p></div>
${further}
</section>`,
    },
    context,
  )
}

/** Where to go from here. */
export function continueLink(target: string, client: NamedClient | undefined, { language }: PageContext): Html {
  const { texts } = language
  const { continueTo, continue: onwards } = texts.signOut
  return html`<a class="button quiet" href="${url(target)}">${client ? html`<span>${continueTo(isolated(clientName(client, texts)))}</span>` : onwards}</a>`
}
