import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { page } from '../../src/http/page.js'
import type { IssuerRoute } from '../../src/http/route.js'
import { assetsRoute } from '../../src/http/routes/assets.js'
import { html } from '../../src/ui/html.js'
import { layout } from '../../src/ui/layout.js'
import { testApp } from './app.js'
import { gallery } from './page-gallery.js'

export type GalleryServer = {
  readonly url: string
  /** What forms sent, the last one last. */
  readonly posted: () => readonly URLSearchParams[]
  /** The paths that were asked for. */
  readonly asked: () => readonly string[]
  readonly close: () => Promise<void>
}

const TENANT = {
  slug: 'acme',
  name: 'Acme Robotics',
  issuer: 'http://localhost',
  branding: { helpUri: 'https://acme.example/help', privacyUri: 'https://acme.example/privacy' },
}

/** Every page of the gallery under its name, with the headers it would have, and what they lead to. */
export async function serveGallery(): Promise<GalleryServer> {
  const posted: URLSearchParams[] = []
  const asked: string[] = []
  const pages = gallery().map(
    ({ name, draw, script = false, frames = [] }): IssuerRoute<unknown> => ({
      name,
      path: `/${name}`,
      answers: 'page',
      methods: {
        GET: async ({ headers }) =>
          page({ headers, tenant: TENANT }, draw, { script, frames, formAction: script ? ['https:'] : [] }),
      },
    }),
  )
  const target = (path: `/${string}`): IssuerRoute<unknown> => ({
    name: path,
    path,
    body: 'form',
    methods: {
      GET: async (request) => {
        asked.push(request.path)
        return page(request, (context) => layout({ title: 'Here', body: html`<h1>Here</h1>` }, context))
      },
      POST: async (request) => {
        posted.push(new URLSearchParams(request.body))
        return page(request, (context) => layout({ title: 'Here', body: html`<h1>Here</h1>` }, context))
      },
    },
  })
  // A client's own page, which may be framed.
  const frame: IssuerRoute<unknown> = {
    name: 'frame',
    path: '/frame',
    methods: {
      GET: async ({ path }) => {
        asked.push(path)
        return {
          status: 200,
          headers: { 'content-type': 'text/plain', 'content-security-policy': "default-src 'none'" },
        }
      },
    },
  }
  const routes = [...pages, assetsRoute, target('/here'), target('/elsewhere'), frame]
  const server = createServer(testApp(routes, { deps: {}, publicUrl: 'http://localhost' }).listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    posted: () => posted,
    asked: () => asked,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
