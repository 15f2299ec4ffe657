const secrets = new Set<string>()

/** Notes down what must not be read anywhere but where it was issued. */
export function remember(...values: readonly unknown[]): void {
  for (const value of values) if (typeof value === 'string' && value !== '') secrets.add(value)
}

/** The secrets noted down that a text holds, whole or in part; and how many were looked for. */
export function secretsIn(text: string): { readonly found: readonly string[]; readonly of: number } {
  return { found: [...secrets].filter((secret) => parts(secret).some((part) => text.includes(part))), of: secrets.size }
}

// A token may be cut to its last characters, or to one of its parts. A short secret counts as a whole.
const parts = (secret: string) => [
  secret,
  ...secret
    .split('.')
    .filter((part) => part.length > 40)
    .map((part) => part.slice(-24)),
]
