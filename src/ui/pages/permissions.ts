import { displayName, visible } from '../display-name.js'
import { type Html, html } from '../html.js'
import { isolated } from '../names.js'
import type { Texts } from '../texts/english.js'

/** What a client may do: in the words of its API, or a scope of OpenID Connect Core §5.4, §11, which the pages word. */
export type Permission = { readonly text: string; readonly api?: string | undefined } | { readonly scope: string }

/** A permission in words, and the API it is of. */
export function permissionLines(permission: Permission, { consent }: Texts): Html {
  if ('text' in permission) {
    const { text, api } = permission
    return html`${isolated(visible(text))}${api !== undefined && html`<small>${isolated(displayName(api))}</small>`}`
  }
  const worded: Readonly<Record<string, string>> = consent.scopes
  const { scope } = permission
  return Object.hasOwn(worded, scope) ? html`${worded[scope]}` : html`<code><bdi>${visible(scope)}</bdi></code>`
}
