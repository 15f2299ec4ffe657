import type { RequestParts } from './verifier.js'

/** What is read of an `IncomingMessage` of node:http; the requests of Express and Connect are such. */
export type NodeRequest = {
  readonly method?: string | undefined
  readonly url?: string | undefined
  /** In Express and Connect, which take from `url` what a router stands at. */
  readonly originalUrl?: string | undefined
  readonly headers: { readonly [name: string]: string | readonly string[] | undefined }
  readonly rawHeaders: readonly string[]
}

// Two guards before one handler read the same object, by which the proof that the first has taken can be known again.
const known = new WeakMap<object, RequestParts>()

/** Reads who calls out of a request of Node. `target`: where a framework has changed `url`. */
export function nodeRequestParts(req: NodeRequest, target = targetOf(req)): RequestParts {
  return remember(req, () => ({
    authorization: valuesOf(req, 'authorization'),
    dpop: valuesOf(req, 'dpop'),
    method: req.method ?? 'GET',
    target,
  }))
}

/**
 * Reads who calls out of a request of the Fetch standard, which joins what was sent twice: two tokens arrive as one that is none.
 * `request` stands for it where a framework may put another in its place.
 */
export function fetchRequestParts({ method, url, headers }: Request, request: object): RequestParts {
  return remember(request, () => {
    const sent = (name: string) => [headers.get(name)].filter((value) => value !== null)
    return { authorization: sent('authorization'), dpop: sent('dpop'), method, target: fetchTarget({ url }) }
  })
}

/** Path and query of a request of the Fetch standard. */
export function fetchTarget({ url }: Pick<Request, 'url'>): string {
  const { pathname, search } = new URL(url)
  return `${pathname}${search}`
}

/** Path and query as the client sent them. */
export function targetOf({ originalUrl, url }: Pick<NodeRequest, 'originalUrl' | 'url'>): string {
  return originalUrl ?? url ?? '/'
}

/** As they came: `headers` keeps one of two Authorization headers, and nobody would know. RFC 6750 §2. */
function valuesOf({ rawHeaders, headers }: NodeRequest, name: string): readonly string[] {
  const came = rawHeaders.filter((_, index) => index % 2 === 1 && rawHeaders[index - 1]?.toLowerCase() === name)
  if (came.length > 0) return came
  // Put there by the app, or by what stands in for a socket.
  const value = headers[name]
  return typeof value === 'string' ? [value] : (value ?? [])
}

function remember(request: object, read: () => RequestParts): RequestParts {
  const parts = known.get(request) ?? read()
  known.set(request, parts)
  return parts
}
