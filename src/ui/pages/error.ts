import { visible } from '../display-name.js'
import { type Html, html } from '../html.js'
import { layout } from '../layout.js'
import type { PageContext } from '../page-context.js'
import { within } from '../times.js'

export type ErrorKind =
  | 'bad_request'
  /** The client is unknown, or the redirect URI not one of its own. */
  | 'bad_link'
  | 'expired'
  | 'forbidden'
  | 'not_found'
  | 'method'
  | 'too_many'
  | 'unavailable'
  | 'unexpected'

export type ErrorProps = {
  readonly kind: ErrorKind
  /** Finds the line in the log. */
  readonly reference: string
  /** For developers. */
  readonly detail?: string | undefined
  /** Seconds. */
  readonly retryAfter?: number | undefined
}

/** Says what happened and what to do; what a developer needs comes last. RFC 6749 §4.1.2.1. */
export function errorPage({ kind, reference, detail, retryAfter }: ErrorProps, context: PageContext): Html {
  const { tag, texts } = context.language
  const [title, advice] = texts.errors[kind]
  const later = retryAfter !== undefined && html` ${texts.tryAgain(within(retryAfter, tag))}`
  return layout(
    {
      title,
      body: html`<section class="card">
<div class="head"><h1>${title}</h1><p>${advice}${later}</p></div>
<div class="fine small muted">${
        detail !== undefined &&
        html`<p>${texts.layout.developers}: <span lang="en" dir="ltr">${visible(detail)}</span></p>`
      }<p>${texts.layout.reference} <code dir="ltr">${visible(reference)}</code></p></div>
</section>`,
    },
    context,
  )
}
