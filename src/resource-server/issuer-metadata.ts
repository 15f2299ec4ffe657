/** What an API needs to know of its authorization server, RFC 8414 §2; times are seconds. */
export type IssuerMetadata = {
  readonly jwksUri: string
  /** After it a key that the set no longer has is not trusted where there is no feed to name it. */
  readonly jwksMaxAge: number
  /** No genuine token lives longer. */
  readonly maxTokenLifetime: number
  readonly introspectionEndpoint: string | undefined
  readonly feed: { readonly endpoint: string; readonly maxStaleness: number; readonly hasStream: boolean } | undefined
}
