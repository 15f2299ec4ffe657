import { displayName, initials, visible } from './display-name.js'
import { type Html, html } from './html.js'
import type { Texts } from './texts/english.js'

export type NamedClient = { readonly name: string }

export type NamedUser = { readonly name?: string | undefined; readonly username: string }

/** The name of a client, as a page may show it. */
export const clientName = (client: NamedClient, { layout }: Texts): string =>
  displayName(client.name) || layout.unnamedApp

/** A text of others inside of ours, that keeps its direction to itself. */
export const isolated = (text: string): Html => html`<bdi>${text}</bdi>`

/** The same, to be noticed. */
export const strong = (text: string): Html => html`<b><bdi>${text}</bdi></b>`

/** A host or scheme as it is written, to its end: that is where a domain says whose it is. */
export const literal = (text: string): Html => html`<b dir="ltr">${visible(text)}</b>`

/** Letters in place of a picture. */
export const avatar = (name: string, kind: 'app' | 'person'): Html =>
  html`<span class="${kind === 'app' ? 'avatar app' : 'avatar'}" aria-hidden="true">${initials(name)}</span>`

/** What a person is called: the name, else the address. */
export function userName({ name, username }: NamedUser): string {
  return displayName(name ?? '') || displayName(username)
}

/** A person in two lines, the second left out where the first says all. */
export function userLines(user: NamedUser): Html {
  const [name, username] = [userName(user), displayName(user.username)]
  return html`<bdi>${name}</bdi>${name !== username && html`<small><bdi>${username}</bdi></small>`}`
}
