import type { Tenant } from '../oauth/records.js'
import { type HttpResponse, NO_STORE, type ResponseHeaders } from './handler.js'

/** Sends a browser on with GET, whatever it came with: a password it posted here is not posted again there. RFC 9700 §4.12. */
export const seeOther = (location: string, headers: ResponseHeaders = {}): HttpResponse => ({
  status: 303,
  headers: { ...NO_STORE, ...headers, location },
})

/** A path of the tenant's: in front of it stands what its issuer has after the host. */
export const tenantPath = ({ issuer }: Pick<Tenant, 'issuer'>, path: `/${string}`): string =>
  `${new URL(issuer).pathname.replace(/\/$/, '')}${path}`
