import { type Html, html, url, type Value } from './html.js'

/** Where a page's form goes, and what proves that it came from the page. */
export type FormProps = {
  /** A path of this site. */
  readonly action: string
  readonly csrf: string
}

/** A form that posts, with its proof. */
export function form({ action, csrf }: FormProps, content: Value): Html {
  return html`<form method="post" action="${url(action)}"><input type="hidden" name="csrf" value="${csrf}">${content}</form>`
}

/** What went wrong and what to do, said at once by a screen reader, and again at the control that names it. */
export function problem([what, advice]: readonly [what: Value, advice: Value]): Html {
  return html`<div class="note bad" role="alert" id="problem"><b>${what}</b><span>${advice}</span></div>`
}
