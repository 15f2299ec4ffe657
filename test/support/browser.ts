import { request as httpRequest, type IncomingHttpHeaders } from 'node:http'

/** What a browser has got in the end: an answer that leads nowhere by itself, or the way to somewhere that is not the server's. */
export type Arrival = {
  readonly url: URL
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly html: string
}

type Sent = {
  readonly method?: 'GET' | 'POST'
  readonly form?: Record<string, string>
  readonly headers?: Record<string, string>
}

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'" }
const unescaped = (text: string) =>
  text.replaceAll(/&(amp|lt|gt|quot|#39);/g, (_, name: string) => ENTITIES[name] ?? '')
const attribute = (tag: string, name: string) => {
  const value = new RegExp(`\\s${name}="([^"]*)"`).exec(tag)?.[1]
  return value === undefined ? undefined : unescaped(value)
}

/**
 * A person's browser without scripts: keeps cookies, follows redirects as long as they stay at `origin` or at one of the `others`, fills
 * in forms. As every browser does, it keeps a jar of cookies a host, whatever the port. RFC 6265 §8.5.
 */
export function createBrowser(origin: string, others: readonly string[] = []) {
  const jars = new Map<string, Map<string, string>>()
  const origins = [origin, ...others]
  let here: Arrival | undefined

  function send(url: URL, { method = 'GET', form, headers = {} }: Sent): Promise<Arrival> {
    const body = form && new URLSearchParams(form).toString()
    const cookie = [...jarOf(url)].map(([name, value]) => `${name}=${value}`).join('; ')
    return new Promise((resolve, reject) => {
      const request = httpRequest(
        url,
        {
          method,
          headers: {
            accept: 'text/html,application/xhtml+xml',
            'accept-language': 'en',
            'user-agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
            'sec-fetch-mode': 'navigate',
            ...(cookie && { cookie }),
            ...(body !== undefined && {
              'content-type': 'application/x-www-form-urlencoded',
              'content-length': body.length,
            }),
            ...headers,
          },
        },
        (response) => {
          const chunks: Buffer[] = []
          response.on('data', (chunk: Buffer) => chunks.push(chunk))
          response.on('end', () => {
            for (const set of response.headers['set-cookie'] ?? []) keep(set, jarOf(url))
            const html = Buffer.concat(chunks).toString()
            resolve({ url, status: response.statusCode ?? 0, headers: response.headers, html })
          })
          response.on('error', reject)
        },
      )
      request.on('error', reject)
      request.end(body)
    })
  }

  function jarOf({ hostname }: URL): Map<string, string> {
    const jar = jars.get(hostname) ?? new Map<string, string>()
    jars.set(hostname, jar)
    return jar
  }

  function keep(header: string, jar: Map<string, string>): void {
    const [pair = '', ...attributes] = header.split(';').map((part) => part.trim())
    const name = pair.slice(0, pair.indexOf('='))
    const expires = attributes.map((one) => /^expires=(.+)$/i.exec(one)?.[1]).find((date) => date !== undefined)
    const isOver = expires !== undefined && Date.parse(expires) <= Date.now()
    if (isOver || attributes.some((one) => /^max-age=0$/i.test(one))) jar.delete(name)
    else jar.set(name, pair.slice(name.length + 1))
  }

  async function follow(first: Arrival): Promise<Arrival> {
    let at = first
    for (let hops = 0; hops < 10; hops++) {
      const { location } = at.headers
      if (location === undefined || at.status < 300 || at.status > 399) return settle(at)
      const next = new URL(location, at.url)
      if (!origins.includes(next.origin)) return settle({ ...at, url: next })
      at = await send(next, {})
    }
    throw new Error(`Too many redirects, the last to ${at.url.href}.`)
  }

  function settle(arrival: Arrival): Arrival {
    here = arrival
    return arrival
  }

  const current = () => {
    if (!here) throw new Error('The browser is nowhere yet.')
    return here
  }

  return {
    /** Those of `origin`, by name. */
    cookies: jarOf(new URL(origin)),
    here: current,
    /** Opens an address. */
    go: async (to: string | URL, sent: Sent = {}): Promise<Arrival> => follow(await send(new URL(to, origin), sent)),
    /** The same, without following where it leads. */
    ask: (to: string | URL, sent: Sent = {}): Promise<Arrival> => send(new URL(to, origin), sent),
    /** Fills in the form of the page and presses a button: `{ decision: 'allow' }`. Hidden fields go along. */
    submit: async (fields: Record<string, string>): Promise<Arrival> => {
      const { html, url } = current()
      const form = formOf(html)
      const action = new URL(form.action ?? url.href, url)
      return follow(
        await send(action, {
          method: 'POST',
          form: { ...form.hidden, ...fields },
          headers: { 'sec-fetch-site': 'same-origin', origin: 'null' },
        }),
      )
    },
  }
}

export type TestBrowser = ReturnType<typeof createBrowser>

/** The first form of a page that posts, with what it would send by itself. */
export function formOf(html: string): { readonly action: string | undefined; readonly hidden: Record<string, string> } {
  const [, tag = '', content = ''] = /<form([^>]*)>([\s\S]*?)<\/form>/.exec(html) ?? []
  if (!/\smethod="post"/.test(tag)) throw new Error(`There is no form on this page:\n${html.slice(0, 2_000)}`)
  const hidden = [...content.matchAll(/<input[^>]*\stype="hidden"[^>]*>/g)].map(([input]) => [
    attribute(input, 'name') ?? '',
    attribute(input, 'value') ?? '',
  ])
  return { action: attribute(tag, 'action'), hidden: Object.fromEntries(hidden) }
}
