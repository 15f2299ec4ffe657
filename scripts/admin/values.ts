import { UsageError } from './errors.js'

/** Options that repeat, each of them one or several words: `--scope read --scope "write admin"`. */
export function words(values: readonly string[] | undefined): string[] | undefined {
  return values?.flatMap((value) => value.split(' ').filter((word) => word !== ''))
}

/** `SCOPE=TEXT` for scopes that there are; a scope may have an equals sign in it. Throws UsageError. */
export function scopeTexts(
  values: readonly string[] | undefined,
  scopes: readonly string[],
): Record<string, string> | undefined {
  if (values === undefined) return undefined
  const pairs = values.map((value) => {
    const scope = scopes.filter((one) => value.startsWith(`${one}=`)).sort((a, b) => b.length - a.length)[0]
    if (scope === undefined) {
      throw new UsageError(`--scope-text ${JSON.stringify(value)} must be SCOPE=TEXT, for a scope of the API.`)
    }
    return [scope, value.slice(scope.length + 1)]
  })
  return Object.fromEntries(pairs)
}

/** A single empty value stands for none. */
export function cleared(values: readonly string[] | undefined): readonly string[] | undefined {
  return values?.length === 1 && values[0] === '' ? [] : values
}

const ENCRYPTION = ['ECDH-ES', 'ECDH-ES+A256KW', 'RSA-OAEP-256']
const SIGNING = ['ES256', 'RS256', 'PS256', 'Ed25519']

/** `--alg` names the algorithm that seals, the one that signs, or each of them once: their names are apart. Throws UsageError. */
export function algorithms(names: readonly string[] = []): {
  signingAlgorithm: string | undefined
  encryptionAlgorithm: string | undefined
} {
  const [encryption, signing] = [ENCRYPTION, SIGNING].map((known) => names.filter((name) => known.includes(name)))
  if (!encryption || !signing || encryption.length + signing.length < names.length) {
    throw new UsageError(`--alg must be one of ${[...ENCRYPTION, ...SIGNING].join(', ')}.`)
  }
  if (encryption.length > 1 || signing.length > 1) {
    throw new UsageError('Give --alg at most twice: one algorithm to seal and one to sign.')
  }
  return { signingAlgorithm: signing[0], encryptionAlgorithm: encryption[0] }
}
