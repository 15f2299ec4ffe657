import { assetPath, iconAsset, styleSheetAsset } from './assets.js'
import { displayName } from './display-name.js'
import { type Html, html, isLink, url, type Value } from './html.js'
import { mark } from './mark.js'
import type { Brand, PageContext } from './page-context.js'

/** What differs from page to page. */
export type Layout = {
  /** Plain, for the tab. */
  readonly title: Value
  /** The page tells of an error, and its title says so first. */
  readonly failed?: boolean
  readonly wide?: boolean
  readonly head?: Value
  readonly body: Html
}

/** A whole document: the brand above, what is asked of the person in the middle, links below. */
export function layout({ title, failed = false, wide = false, head, body }: Layout, context: PageContext): Html {
  const { brand, language } = context
  const { texts, tag, direction } = language
  const shown = failed ? texts.layout.failed(title) : title
  const name = displayName(brand.name)
  return html`<!doctype html>
<html lang="${tag}" dir="${direction}">
<head>
<meta charset="utf-8">
<title>${shown}${name && ` · ${name}`}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex, nofollow">
<link rel="icon" type="image/svg+xml" href="${assetPath(iconAsset)}">
<link rel="stylesheet" href="${assetPath(styleSheetAsset)}">
${accentStyle(context)}${head}
</head>
<body>
<div class="${wide ? 'page wide' : 'page'}">
<header class="brand">${brandMark(context)}<span><bdi>${name}</bdi></span></header>
<main>
${body}
</main>
</div>
${footer(context)}
</body>
</html>
`
}

function brandMark({ brand: { logo }, basePath }: PageContext): Html {
  if (logo === undefined) return mark
  return html`<img src="${url(`${basePath}/branding/logo?v=${logo}`)}" alt="">`
}

function footer({ brand, language: { texts } }: PageContext): Value {
  const links = [
    [brand.privacyUri, texts.layout.privacy],
    [brand.helpUri, texts.layout.help],
  ] as const
  const shown = links.map(([target, text]) => link(target, text)).filter((one) => one !== undefined)
  return shown.length > 0 && html`<footer>${shown}</footer>`
}

/** A link, or nothing where it leads nowhere that a page may lead to. */
export function link(target: string | undefined, text: Value): Html | undefined {
  return target !== undefined && isLink(target) ? html`<a href="${target}">${text}</a>` : undefined
}

const COLOUR = /^#[0-9a-f]{6}$/i

/** The tenant's colours, as the style sheet asks for them. */
function accentStyle({ brand, nonce }: PageContext): Value {
  const rules = accentRules(brand)
  return rules !== '' && html`<style nonce="${nonce}">:root{${rules}}</style>\n`
}

function accentRules({ accent, accentDark }: Brand): string {
  const [light, dark] = [accent, accentDark].map((colour) => (colour && COLOUR.test(colour) ? colour : undefined))
  // So much white makes any colour legible on a dark surface.
  const lighter = light && `color-mix(in srgb, ${light} 45%, white)`
  return [light && `--accent:${light}`, (dark ?? lighter) && `--accent-dark:${dark ?? lighter}`]
    .filter(Boolean)
    .join(';')
}
