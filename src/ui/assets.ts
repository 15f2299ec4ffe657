import { createHash } from 'node:crypto'
import { render } from './html.js'
import { icon } from './mark.js'
import { styleSheet } from './style-sheet.js'

/** A file that pages load. Its name changes with what is in it, so that it may be kept for ever. */
export type Asset = { readonly name: string; readonly contentType: string; readonly text: string }

function asset(extension: string, contentType: string, text: string): Asset {
  const hash = createHash('sha256').update(text).digest('base64url').slice(0, 16)
  return { name: `bulla.${hash}.${extension}`, contentType, text }
}

/** The style sheet of all pages. */
export const styleSheetAsset = asset('css', 'text/css; charset=utf-8', styleSheet)

/** What a browser shows in the tab. */
export const iconAsset = asset('svg', 'image/svg+xml', render(icon))

/** Where assets are, of every tenant. */
export const ASSETS_PATH = '/assets/' as const

/** The path of an asset. */
export const assetPath = ({ name }: Asset): string => `${ASSETS_PATH}${name}`
