import type { Language } from './texts/languages.js'

/** Whose pages they are, as people see it. Colours and addresses were checked when they were registered. */
export type Brand = {
  /** Empty where nobody's: a page that belongs to no tenant. */
  readonly name: string
  /** `#rrggbb`, on light surfaces. */
  readonly accent?: string | undefined
  /** `#rrggbb`, on dark surfaces; without it a lighter `accent`. */
  readonly accentDark?: string | undefined
  readonly helpUri?: string | undefined
  readonly privacyUri?: string | undefined
  /** What tells this logo from the one before. */
  readonly logo?: string | undefined
}

/** What every page is made with, beside its own properties. */
export type PageContext = {
  /** Of the style and the script that stand in the page itself. */
  readonly nonce: string
  readonly language: Language
  readonly brand: Brand
  /** In front of the tenant's paths: empty, or `/t/<slug>`. */
  readonly basePath: string
  readonly now: Date
}
