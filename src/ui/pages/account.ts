import { visible } from '../display-name.js'
import { type FormProps, form } from '../form.js'
import { type Html, html, type Value } from '../html.js'
import { layout } from '../layout.js'
import { avatar, clientName, isolated, type NamedUser, userName } from '../names.js'
import type { PageContext } from '../page-context.js'
import { ago, day } from '../times.js'
import { readUserAgent } from '../user-agent.js'
import { type Permission, permissionText } from './permissions.js'

export type AccountSession = {
  readonly id: string
  /** The one that asks. */
  readonly current: boolean
  readonly userAgent?: string | undefined
  readonly address?: string | undefined
  readonly usedAt: Date
  readonly createdAt: Date
}

export type AccountApp = {
  readonly clientId: string
  readonly name: string
  readonly verified: boolean
  readonly permissions: readonly Permission[]
  readonly since: Date
  readonly lastUsedAt?: Date | undefined
}

export type AccountProps = FormProps & {
  readonly user: NamedUser
  readonly sessions: readonly AccountSession[]
  readonly apps: readonly AccountApp[]
  /** What was just done. */
  readonly notice?: 'session_ended' | 'access_ended' | 'signed_out_elsewhere' | undefined
}

/**
 * Where a person is signed in and which apps may act for them, each with its end. Posts `action`: `sign_out`, `sign_out_others`,
 * `end_session` with `session`, `end_access` with `client`.
 */
export function accountPage(props: AccountProps, context: PageContext): Html {
  const { texts } = context.language
  const { user, notice } = props
  const name = userName(user)
  const signOut = form(
    props,
    html`<button class="quiet" name="action" value="sign_out">${texts.account.signOut}</button>`,
  )
  return layout(
    {
      title: texts.account.title,
      wide: true,
      body: html`<div class="row"><div class="who grow">${avatar(name, 'person')}<div><h1>${isolated(name)}</h1>${
        name !== visible(user.username) && html`<p class="muted">${isolated(visible(user.username))}</p>`
      }</div></div>${signOut}</div>
${notice && html`<div class="note ok" role="status"><b>${texts.account.notices[notice]}</b></div>`}
${sessionsCard(props, context)}
${appsCard(props, context)}`,
    },
    context,
  )
}

function sessionsCard(props: AccountProps, context: PageContext): Html {
  const texts = context.language.texts.account
  const { sessions } = props
  const others = sessions.some(({ current }) => !current)
  const endOthers =
    others &&
    form(props, html`<button class="danger" name="action" value="sign_out_others">${texts.signOutOthers}</button>`)
  const rows = sessions.map((session) => sessionRow(session, props, context))
  return html`<section class="card"><div class="row"><h2>${texts.sessions}</h2>${endOthers}</div>
${list(rows, texts.noSessions)}</section>`
}

function sessionRow(session: AccountSession, props: FormProps, { language, now }: PageContext): Html {
  const texts = language.texts.account
  const { id, current, userAgent, address, usedAt } = session
  const { browser, system } = readUserAgent(userAgent)
  const name =
    system === undefined ? (browser ?? texts.unknownBrowser) : texts.browserOn(browser ?? texts.unknownBrowser, system)
  const when = ago(usedAt, { language: language.tag, now })
  const end = html`<input type="hidden" name="session" value="${id}"><button class="danger" name="action" value="end_session">${texts.endSession}<span class="hidden"> ${name}</span></button>`
  return html`<li><span class="grow">${name} ${current && html`<span class="badge">${texts.thisOne}</span>`}<small>${details([address && isolated(visible(address)), when])}</small></span>${!current && form(props, end)}</li>`
}

function appsCard(props: AccountProps, context: PageContext): Html {
  const { apps, noApps } = context.language.texts.account
  const rows = props.apps.map((app) => appRow(app, props, context))
  return html`<section class="card"><h2>${apps}</h2>
${list(rows, noApps)}</section>`
}

function appRow(app: AccountApp, props: FormProps, { language, now }: PageContext): Html {
  const { texts, tag } = language
  const { since, lastUsed, neverUsed, unchecked, endAccess } = texts.account
  const name = clientName(app, texts)
  const used = app.lastUsedAt ? lastUsed(ago(app.lastUsedAt, { language: tag, now })) : neverUsed
  const end = html`<input type="hidden" name="client" value="${app.clientId}"><button class="danger" name="action" value="end_access">${endAccess}<span class="hidden"> ${name}</span></button>`
  return html`<li>${avatar(name, 'app')}<span class="grow">${isolated(name)} ${!app.verified && html`<span class="badge">${unchecked}</span>`}${app.permissions.map(
    (permission) => {
      const { text, api } = permissionText(permission, texts)
      return html`<small>${details([text, api])}</small>`
    },
  )}<small>${details([since(day(app.since, tag)), used])}</small></span>${form(props, end)}</li>`
}

function list(rows: readonly Html[], none: string): Html {
  return rows.length > 0 ? html`<ul class="list">${rows}</ul>` : html`<p class="muted">${none}</p>`
}

const details = (parts: readonly Value[]): Value =>
  parts.filter(Boolean).map((part, index) => (index > 0 ? html` · ${part}` : part))
