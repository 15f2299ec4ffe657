export type Optional<T> = { readonly [K in keyof T]?: T[K] | undefined }

type Given<T> = { [K in keyof T]?: Exclude<T[K], null | undefined> | ([null] extends [T[K]] ? undefined : never) }

/** What a change names: undefined leaves a setting as it is and is left out, null takes it away and becomes undefined. */
export function given<T extends object>(change: T): Given<T> {
  const named = Object.entries(change).filter(([, value]) => value !== undefined)
  return Object.fromEntries(named.map(([key, value]) => [key, value ?? undefined])) as Given<T>
}
