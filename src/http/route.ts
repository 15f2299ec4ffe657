import type { CorsPolicy } from './cors.js'
import type { Handler, RootHandler } from './handler.js'

interface Endpoint {
  /** In the log and in metrics; a path would let callers choose label values. */
  readonly name: string
  readonly path: `/${string}`
  /** Where `path` ends in a slash: what may stand behind it, one of many things of a kind. */
  readonly item?: RegExp
  /** Default `none`: a body is not read. */
  readonly body?: 'form' | 'json' | 'none'
  /** A request without one, and so without a media type, is taken as if it were empty. */
  readonly bodyOptional?: boolean
  /** Default 16 KiB. */
  readonly maxBytes?: number
  /** What errors are answered with: a page where people see them, default JSON. */
  readonly answers?: 'page' | 'json'
  /** Seconds an answer may take, after which it is 503. Default 30. */
  readonly timeout?: number
  /**
   * A GET is answered by its target, `Accept` and `Accept-Encoding` alone, the only headers the handler is shown: those that come at the
   * same time share an answer.
   */
  readonly shared?: boolean
}

/** HEAD is answered by GET. */
type Methods<H> = Readonly<Partial<Record<'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE', H>>>

/**
 * An endpoint of every issuer. `/oauth2/token` is also `/t/<slug>/oauth2/token`; with `wellKnown`, `/.well-known/name` is
 * also `/.well-known/name/t/<slug>`, RFC 8414 §3.1; with `either` at both places, OpenID Connect Discovery §4.1.
 */
export interface IssuerRoute<Deps> extends Endpoint {
  readonly wellKnown?: boolean | 'either'
  /** Default `none`. */
  readonly cors?: CorsPolicy
  readonly methods: Methods<Handler<Deps>>
}

/** An endpoint of the server itself, under no tenant. */
export interface RootRoute<Deps> extends Endpoint {
  readonly root: true
  readonly cors?: undefined
  readonly methods: Methods<RootHandler<Deps>>
}

export type Route<Deps> = IssuerRoute<Deps> | RootRoute<Deps>

export type Match<Deps> =
  | { readonly of: 'server'; readonly route: RootRoute<Deps> }
  /** `slug` is undefined for the default tenant. */
  | { readonly of: 'issuer'; readonly route: IssuerRoute<Deps>; readonly slug: string | undefined }

// Lower case, as a host name's label: nothing in it that a proxy might decode, fold or strip.
const SLUG = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?'
const PREFIXED = new RegExp(`^/t/(${SLUG})(/.*)$`)
const SUFFIXED = new RegExp(`^(/\\.well-known/[^/]+)/t/(${SLUG})$`)

/**
 * Finds the route of a raw path, byte for byte: no decoding, no case folding, no `;`, no `//`, no trailing slash. What a
 * proxy in front understood differently is not found here.
 */
export function routeMatcher<Deps>(routes: readonly Route<Deps>[]): (path: string) => Match<Deps> | undefined {
  const byPath = new Map<string, Route<Deps>>()
  for (const route of routes) {
    if (byPath.has(route.path)) throw new Error(`Two routes have the path ${route.path}.`)
    if (route.shared && !isForAnybody(route)) throw new Error(`Of ${route.path} not every caller may have one answer.`)
    byPath.set(route.path, route)
  }
  const find = (path: string) => {
    const exact = byPath.get(path)
    return exact && !exact.item ? exact : itemRoute(byPath, path)
  }
  return (path) => {
    const direct = find(path)
    if (direct)
      return 'root' in direct ? { of: 'server', route: direct } : { of: 'issuer', route: direct, slug: undefined }
    const prefixed = PREFIXED.exec(path)
    const [, base = '', slug = ''] = prefixed ? [path, prefixed[2], prefixed[1]] : (SUFFIXED.exec(path) ?? [])
    const route = find(base)
    if (!route || 'root' in route) return undefined
    const isThere = prefixed ? route.wellKnown !== true : Boolean(route.wellKnown)
    return isThere ? { of: 'issuer', route, slug } : undefined
  }
}

/** Whether nothing of an answer depends on the caller's origin, or on what they read. */
const isForAnybody = ({ cors = 'none', answers = 'json' }: Route<never>): boolean =>
  (cors === 'none' || cors === 'any') && answers === 'json'

/** The route of one of many things: its path up to the last slash, and behind it what the route allows. */
function itemRoute<Deps>(byPath: ReadonlyMap<string, Route<Deps>>, path: string): Route<Deps> | undefined {
  const end = path.lastIndexOf('/') + 1
  const route = byPath.get(path.slice(0, end))
  return route?.item?.test(path.slice(end)) ? route : undefined
}

/** What stands behind the path of a route of many things: which of them is meant. */
export const itemOf = ({ path }: { readonly path: string }): string => path.slice(path.lastIndexOf('/') + 1)

/** The handler of a method. */
export function ofMethod<H>(methods: Methods<H>, method = ''): H | undefined {
  const byName: Readonly<Record<string, H | undefined>> = methods
  return byName[method === 'HEAD' ? 'GET' : method]
}

/** The value of an `Allow` header, RFC 9110 §10.2.1. */
export function allow(methods: Methods<unknown>, cors: CorsPolicy): string {
  const names = Object.keys(methods)
  return [...names, ...(names.includes('GET') ? ['HEAD'] : []), ...(cors === 'none' ? [] : ['OPTIONS'])].join(', ')
}
