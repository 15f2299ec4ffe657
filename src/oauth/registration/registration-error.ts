/** What a registration can be refused for; the name of the setting, as the front end's own words for it go by it. */
export type Setting =
  | 'slug'
  | 'name'
  | 'maxTokenLifetime'
  | 'grantTypes'
  | 'redirectUris'
  | 'origins'
  | 'scopes'
  | 'descriptions'
  | 'apis'
  | 'defaultResource'
  | 'rotation'
  | 'grace'
  | 'idTokenAlgorithm'
  | 'idTokenEncryption'
  | 'userinfoAlgorithm'
  | 'userinfoEncryption'
  | 'sector'
  | 'defaultMaxAge'
  | 'postLogoutRedirectUris'
  | 'backchannelLogoutUri'
  | 'frontchannelLogoutUri'
  | 'identifier'
  | 'format'
  | 'signingAlgorithm'
  | 'encryptionAlgorithm'
  | 'encryptionMethod'
  | 'introspectionAlgorithm'
  | 'jwks'
  | 'jwksUri'
  | 'tokenLifetime'
  | 'accent'
  | 'accentDark'
  | 'helpUri'
  | 'privacyUri'
  | 'logo'

/** A setting that is not registered as it is. `reason` completes "the setting …". RFC 7591 §3.2.2. */
export class RegistrationError extends Error {
  override readonly name = 'RegistrationError'
  readonly setting: Setting
  readonly reason: string

  constructor(setting: Setting, reason: string) {
    super(`${setting} ${reason}.`)
    this.setting = setting
    this.reason = reason
  }
}

/** What was refused, as it may stand in a message: short, and without anything a terminal would act on. */
export function quoted(value: string): string {
  const shown = value.length > 120 ? `${value.slice(0, 120)}…` : value
  return JSON.stringify(shown).replaceAll(/[\p{C}\p{Zl}\p{Zp}\p{DI}]/gu, (character) => {
    const point = character.codePointAt(0) ?? 0
    return `\\u{${point.toString(16)}}`
  })
}
