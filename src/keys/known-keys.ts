/** An API, by its identifier, that has said it holds a key. */
export type KnownKey = { readonly kid: string; readonly api: string }

/** Which APIs hold a key, and which have told of others and not of it: those that never told anything are in neither. RFC 7517 §4.5. */
export function holdersOf(kid: string, told: readonly KnownKey[]): { knownTo: string[]; unknownTo: string[] } {
  const knownTo = new Set(told.filter((one) => one.kid === kid).map(({ api }) => api))
  const unknownTo = new Set(told.map(({ api }) => api).filter((api) => !knownTo.has(api)))
  return { knownTo: [...knownTo], unknownTo: [...unknownTo] }
}
