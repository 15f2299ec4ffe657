import { promisify } from 'node:util'
import { brotliCompress, constants, deflate as deflateBytes, gzip as gzipBytes } from 'node:zlib'
import type { JwtSigner } from '../oauth/ports.js'
import type { Tenant } from '../oauth/records.js'
import { STATUS_LIST_TYPE } from '../wire/status-list.js'
import { statusListUri } from './indices.js'

/** Seconds a reader may go on with a list it has, the `ttl` in it. draft-ietf-oauth-status-list §5.1. */
export const STATUS_LIST_TTL = 15

/** Seconds after which a list is worth nothing, whatever a reader makes of its `ttl`. draft-ietf-oauth-status-list §5.1. */
export const STATUS_LIST_LIFETIME = 180

export type Coding = 'identity' | 'br' | 'gzip'

/** One signed state of a list, and its codings, each made once. */
export type StatusListToken = {
  readonly jws: string
  /** A signed list compressed, off the event loop. RFC 9110 §8.4.1. */
  coded(coding: Exclude<Coding, 'identity'>): Promise<Buffer>
}

const deflate = promisify(deflateBytes)
const brotli = promisify(brotliCompress)
const gzip = promisify(gzipBytes)

const CODERS = {
  br: (jws: string) => brotli(jws, { params: { [constants.BROTLI_PARAM_QUALITY]: 5 } }),
  gzip: (jws: string) => gzip(jws, { level: 6 }),
}

/** Signs the bits of a list as a Status List Token, draft-ietf-oauth-status-list §5.1. Deflating goes on in a thread of its own. */
export async function statusListToken(
  tenant: Tenant,
  { listId, bytes, iat }: { listId: string; bytes: Buffer; iat: number },
  jwtSigner: JwtSigner,
): Promise<StatusListToken> {
  // draft-ietf-oauth-status-list §4.1: DEFLATE in the ZLIB format, at its highest level.
  const lst = (await deflate(bytes, { level: 9 })).toString('base64url')
  const jws = await jwtSigner.sign(
    tenant,
    { typ: STATUS_LIST_TYPE },
    {
      iss: tenant.issuer,
      sub: statusListUri(tenant, listId),
      iat,
      exp: iat + STATUS_LIST_LIFETIME,
      ttl: STATUS_LIST_TTL,
      aggregation_uri: statusListAggregationUri(tenant),
      status_list: { bits: 1, lst },
    },
  )
  const made = new Map<Coding, Promise<Buffer>>()
  return {
    jws,
    coded(coding) {
      const found = made.get(coding)
      if (found) return found
      const coded = CODERS[coding](jws)
      made.set(coding, coded)
      return coded
    },
  }
}

/** Where a tenant's lists are named. draft-ietf-oauth-status-list §9. */
export const statusListAggregationUri = ({ issuer }: Pick<Tenant, 'issuer'>): string => `${issuer}/status-lists`
