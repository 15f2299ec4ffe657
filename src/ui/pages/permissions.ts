import { displayName, visible } from '../display-name.js'
import { type Html, html, type Value } from '../html.js'
import { isolated } from '../names.js'
import type { Texts } from '../texts/english.js'

/** What a client may do: in the words of its API, or a scope of OpenID Connect Core §5.4, §11, which the pages word. */
export type Permission = { readonly text: string; readonly api?: string | undefined } | { readonly scope: string }

/** What a permission allows in words, and apart from that the API it is of. */
export function permissionText(
  permission: Permission,
  { consent }: Texts,
): { readonly text: Html; readonly api: Value } {
  if ('text' in permission) {
    const { text, api } = permission
    return { text: isolated(visible(text)), api: api !== undefined && isolated(displayName(api)) }
  }
  const worded: Readonly<Record<string, string>> = consent.scopes
  const { scope } = permission
  const text = Object.hasOwn(worded, scope) ? html`${worded[scope]}` : html`<code><bdi>${visible(scope)}</bdi></code>`
  return { text, api: undefined }
}
