import { type Html, html, url } from '../html.js'
import { layout } from '../layout.js'
import { clientName, isolated, type NamedClient } from '../names.js'
import type { PageContext } from '../page-context.js'

export type FormPostProps = {
  /** The redirect URI, https or http. */
  readonly action: string
  readonly fields: readonly (readonly [name: string, value: string])[]
  readonly client: NamedClient
}

/** Hands an authorization response to the client in a form that sends itself. OAuth 2.0 Form Post Response Mode §2. */
export function formPostPage({ action, fields, client }: FormPostProps, context: PageContext): Html {
  const { texts } = context.language
  const name = clientName(client, texts)
  const { title, advice, submit } = texts.formPost
  const hidden = fields.map(([field, value]) => html`<input type="hidden" name="${field}" value="${value}">`)
  // Not the form's own `submit`: a field might have that name.
  const send = html`<script nonce="${context.nonce}">HTMLFormElement.prototype.submit.call(document.forms[0])</script>`
  return layout(
    {
      title: title(name),
      body: html`<section class="card">
<div class="head"><h1>${title(isolated(name))}</h1><p class="muted">${advice}</p></div>
<form method="post" action="${url(action)}">${hidden}<button class="primary">${submit}</button></form>
</section>
${send}`,
    },
    context,
  )
}
