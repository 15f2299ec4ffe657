import { parseJsonObject } from '../crypto/json.js'
import type { VerificationKey } from '../crypto/jwk.js'
import type { IssuerHttp } from './issuer-http.js'
import { type IssuerMetadata, metadataUrl, parseMetadata } from './issuer-metadata.js'
import { parseSigningKeys } from './signing-keys.js'

/** What an issuer publishes; the keys by their names. */
export type FetchedDocuments = {
  readonly metadata: IssuerMetadata
  readonly keys: ReadonlyMap<string, VerificationKey>
}

/** There was an answer, and nothing can be made of it. The message says why, for the operator. */
export class UnusableDocument extends Error {
  override readonly name = 'UnusableDocument'
}

const TIMEOUT = 5_000
const MOST_BYTES = 262_144

/** Fetches the issuer's metadata and the keys it names. Throws UnusableDocument, IssuerUnreachable. RFC 8414 §3, RFC 7517 §5. */
export async function fetchDocuments(issuer: string, http: IssuerHttp): Promise<FetchedDocuments> {
  async function get(url: string): Promise<string> {
    const { status, body } = await http.request(url, {
      // A cache that has the keys of before a rotation is not to answer. RFC 9111 §5.2.1.4.
      headers: { accept: 'application/json', 'cache-control': 'no-cache' },
      maxBytes: MOST_BYTES,
      timeout: TIMEOUT,
    })
    if (status !== 200) throw new UnusableDocument(`${url} answered ${status}.`)
    return body
  }

  const metadata = parseMetadata(parseJsonObject(Buffer.from(await get(metadataUrl(issuer)))), issuer)
  if (typeof metadata === 'string') throw new UnusableDocument(metadata)
  const keys = parseSigningKeys(await get(metadata.jwksUri))
  if (!keys) throw new UnusableDocument(`There is no key at ${metadata.jwksUri} that tokens could be verified with.`)
  return { metadata, keys }
}
