import { mixesScripts } from '../display-name.js'
import { type FormProps, form } from '../form.js'
import { type Html, html, type Value } from '../html.js'
import { layout, link } from '../layout.js'
import { tick } from '../mark.js'
import { avatar, clientName, isolated, literal, type NamedUser, strong, userName } from '../names.js'
import type { PageContext } from '../page-context.js'
import { type Permission, permissionText } from './permissions.js'

/** Where an answer goes: a web site, a program on this device that listens at loopback, or an app with a scheme of its own. RFC 8252 §7. */
export type Destination =
  | { readonly kind: 'web'; readonly host: string }
  | { readonly kind: 'device'; readonly host: string }
  | { readonly kind: 'app'; readonly scheme: string }

export type ConsentProps = FormProps & {
  readonly client: {
    readonly name: string
    /** Somebody of the tenant vouches for it. */
    readonly verified: boolean
    readonly uri?: { readonly policyUri?: string | undefined; readonly tosUri?: string | undefined } | undefined
  }
  readonly destination: Destination
  readonly permissions: readonly Permission[]
  readonly user: NamedUser
}

/** Asks whether a client may have what it asks for. Posts `decision`: `allow`, `deny` or `switch`. OpenID Connect Core §3.1.2.4. */
export function consentPage(props: ConsentProps, context: PageContext): Html {
  const { texts } = context.language
  const name = clientName(props.client, texts)
  return layout(
    {
      title: texts.consent.title(name),
      body: html`<section class="card">
<div class="who">${avatar(name, 'app')}<div class="head"><h1>${texts.consent.title(isolated(name))}</h1><p class="muted small">${returns(props.destination, context)}</p></div></div>
${warnings(props, context)}<div class="field"><h2>${texts.consent.permissions}</h2>${permissionList(props, context)}</div>
${form(props, [decisions(context), finePrint(props, context)])}
</section>`,
    },
    context,
  )
}

function returns(destination: Destination, { language: { texts } }: PageContext): Html {
  if (destination.kind === 'app') return texts.consent.toApp(literal(destination.scheme))
  const { kind, host } = destination
  return kind === 'web' ? texts.consent.toWeb(literal(host)) : texts.consent.toDevice(literal(host))
}

function warnings({ client }: ConsentProps, { brand, language: { texts } }: PageContext): Value {
  const { unchecked, uncheckedAdvice, mixedScripts } = texts.consent
  const mixed = mixesScripts(client.name) && html`<span>${mixedScripts}</span>`
  if (!client.verified) {
    return html`<div class="note warn"><b>${unchecked(isolated(brand.name))}</b><span>${uncheckedAdvice}</span>${mixed}</div>\n`
  }
  return mixed && html`<div class="note warn">${mixed}</div>\n`
}

function permissionList({ permissions }: ConsentProps, { language: { texts } }: PageContext): Html {
  const worded = permissions.map((one) => permissionText(one, texts))
  const lines = worded.map(({ text, api }) => html`${text}${api && html`<small>${api}</small>`}`)
  if (lines.length === 0) lines.push(html`${texts.consent.nothing}`)
  return html`<ul class="list tight">${lines.map((line) => html`<li>${tick}<span class="grow">${line}</span></li>`)}</ul>`
}

/** Neither is easier than the other. */
function decisions({ language: { texts } }: PageContext): Html {
  const { allow, deny } = texts.consent
  return html`<div class="actions"><button class="quiet" name="decision" value="deny">${deny}</button><button class="primary" name="decision" value="allow">${allow}</button></div>`
}

function finePrint({ client, user }: ConsentProps, { basePath, language: { texts } }: PageContext): Html {
  const { signedInAs, notYou, endAnyTime, yourAccount, privacyOf, termsOf } = texts.consent
  const name = isolated(clientName(client, texts))
  const links = [link(client.uri?.policyUri, privacyOf(name)), link(client.uri?.tosUri, termsOf(name))]
  const given = links.filter((one) => one !== undefined)
  return html`<div class="fine small muted">
<div class="row"><span class="grow">${signedInAs(strong(userName(user)))}</span><button class="link" name="decision" value="switch">${notYou}</button></div>
<p>${endAnyTime(link(`${basePath}/account`, yourAccount))}</p>${given.length > 0 && html`<p class="links">${given}</p>`}
</div>`
}
