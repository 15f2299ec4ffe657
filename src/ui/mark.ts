import { html } from './html.js'

const paths = html`<path d="M16 3.2c7.4 0 12.8 4.9 12.8 12.3 0 8-5.6 13.3-12.8 13.3S3.2 23.5 3.2 15.5C3.2 8.1 8.6 3.2 16 3.2Z" fill="currentColor" fill-opacity=".12"/><path d="M11 16.5a5 5 0 0 1 10 0"/><circle cx="16" cy="17.5" r="2.2" fill="currentColor" stroke="none"/><path d="M16 19v4"/>`

/** The seal, for a tenant without a logo of its own. */
export const mark = html`<svg viewBox="0 0 32 32" fill="none" stroke="currentColor" stroke-width="2" aria-hidden="true">${paths}</svg>`

/** The seal as a file of its own, for a browser's tab. */
export const icon = html`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32" color="#c2572f" fill="none" stroke="currentColor" stroke-width="2">${paths}</svg>`

/** What may be done, in lists. */
export const tick = html`<svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2.2" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true"><path d="m5 12.5 4.5 4.5L19 7.5"/></svg>`
