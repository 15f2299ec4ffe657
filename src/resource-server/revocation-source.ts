import type { IssuerDocuments } from './issuer-documents.js'
import type { IssuerHttp } from './issuer-http.js'
import type { IssuerMetadata } from './issuer-metadata.js'
import type { ApiCredentials } from './options.js'
import type { Revocations } from './revocations.js'
import type { SigningKeys } from './signing-keys.js'
import type { VerifierEvent } from './verifier-event.js'

export type RevocationPorts = {
  readonly issuer: string
  readonly http: IssuerHttp
  readonly keys: SigningKeys
  readonly credentials: ApiCredentials | undefined
  /** Never throws. */
  readonly log: (event: VerifierEvent) => void
  /** Seconds of a clock that never jumps. */
  readonly monotonic: () => number
}

/** Begins to learn of revocations, in the way that the server's metadata allows. */
export type FollowRevocations = (metadata: IssuerMetadata, ports: RevocationPorts) => Revocations

export type RevocationSource = {
  /** Undefined until the server has said what it has. */
  current(): Revocations | undefined
  close(): void
}

/** Follows revocations from when there is metadata, and anew when the server tells them elsewhere. */
export function createRevocationSource(
  documents: Pick<IssuerDocuments, 'onMetadata'>,
  follow: (metadata: IssuerMetadata) => Revocations,
): RevocationSource {
  let current: Revocations | undefined
  let followed: string | undefined
  let closed = false
  documents.onMetadata((metadata) => {
    const offered = JSON.stringify(metadata.feed ?? null)
    if (closed || offered === followed) return
    followed = offered
    current?.close()
    current = follow(metadata)
  })
  return {
    current: () => current,
    close() {
      closed = true
      current?.close()
    },
  }
}
