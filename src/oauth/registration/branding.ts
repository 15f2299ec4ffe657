import type { Branding } from '../records.js'
import { contrast } from './contrast.js'
import { type Logo, parseLogo } from './logo.js'
import { parseName } from './name.js'
import { quoted, RegistrationError } from './registration-error.js'
import { parseLinkUri } from './uris.js'

/** What the accent stands on, and what stands on it: the style sheet's own colours. */
export const SURFACES = {
  accent: { name: 'light', card: '#fffdfa', page: '#f7f4ef' },
  accentDark: { name: 'dark', card: '#211b17', page: '#171310' },
} as const

/** Of text, at the level AA of WCAG 2.2: https://www.w3.org/TR/WCAG22/#contrast-minimum. */
const LEAST_CONTRAST = 4.5

/** How people see a tenant. */
export type TenantLook = { readonly name: string; readonly branding: Branding }

/** Undefined leaves a setting as it is, null takes it away. `logo`: the bytes of a file. */
export type TenantChange = {
  readonly name?: string | undefined
  readonly accent?: string | null | undefined
  readonly accentDark?: string | null | undefined
  readonly helpUri?: string | null | undefined
  readonly privacyUri?: string | null | undefined
  readonly logo?: Uint8Array | null | undefined
}

/** `logo`: undefined leaves it, null takes it away. */
export type ChangedTenant = TenantLook & { readonly logo: Logo | null | undefined }

/** A tenant's look after a change. Throws RegistrationError. OpenID Connect Dynamic Client Registration §2 knows the like of clients. */
export function changeTenant({ name, branding }: TenantLook, change: TenantChange): ChangedTenant {
  const settings = {
    accent: parsed(change.accent, branding.accent, (colour) => parseAccent('accent', colour)),
    accentDark: parsed(change.accentDark, branding.accentDark, (colour) => parseAccent('accentDark', colour)),
    helpUri: parsed(change.helpUri, branding.helpUri, (uri) => parseLinkUri('helpUri', uri)),
    privacyUri: parsed(change.privacyUri, branding.privacyUri, (uri) => parseLinkUri('privacyUri', uri)),
  }
  return {
    name: change.name === undefined ? name : parseName(change.name),
    branding: Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined)),
    logo: change.logo ? parseLogo(change.logo) : change.logo,
  }
}

function parsed(
  asked: string | null | undefined,
  current: string | undefined,
  parse: (text: string) => string,
): string | undefined {
  if (asked === undefined) return current
  return asked === null ? undefined : parse(asked)
}

/**
 * A colour for links, marks and the main button, in lower case, that can be read on all it stands on; so can the button's text, which has the
 * colour of the card. Throws RegistrationError.
 */
function parseAccent(setting: 'accent' | 'accentDark', text: string): string {
  const colour = text.toLowerCase()
  if (!/^#[0-9a-f]{6}$/.test(colour)) {
    throw new RegistrationError(setting, `${quoted(text)} must be a colour such as #a8431f`)
  }
  const { name, card, page } = SURFACES[setting]
  const least = Math.min(...[card, page].map((surface) => contrast(colour, surface)))
  if (least >= LEAST_CONTRAST) return colour
  const direction = name === 'light' ? 'darker' : 'lighter'
  // Rounded down: 4.49 is not 4.5.
  const shown = (Math.floor(least * 10) / 10).toFixed(1)
  throw new RegistrationError(
    setting,
    `${colour} can't be read on ${name} surfaces: its contrast is ${shown}:1 and must be at least ${LEAST_CONTRAST}:1. Take a ${direction} one`,
  )
}
