import { ASSETS_PATH, type Asset, iconAsset, styleSheetAsset } from '../../ui/assets.js'
import { notFound } from '../errors.js'
import type { HttpResponse, RootHandler } from '../handler.js'
import type { RootRoute } from '../route.js'

const answers: ReadonlyMap<string, HttpResponse> = new Map(
  [styleSheetAsset, iconAsset].map((asset) => [asset.name, answerOf(asset)]),
)

/** What a name stands for never changes, RFC 8246 §2. */
function answerOf({ contentType, text }: Asset): HttpResponse {
  const headers = {
    'content-type': contentType,
    'cache-control': 'public, max-age=31536000, immutable',
    'cross-origin-resource-policy': 'same-origin',
  }
  return { status: 200, headers, body: Buffer.from(text) }
}

/** GET /assets/<name>: what pages load, named by its content. */
export const asset: RootHandler<unknown> = async ({ path }) => {
  const answer = answers.get(path.slice(ASSETS_PATH.length))
  if (!answer) throw notFound('no_such_asset')
  return answer
}

export const assetsRoute: RootRoute<unknown> = {
  root: true,
  name: 'assets',
  path: ASSETS_PATH,
  item: /^bulla\.[\w-]{16}\.(?:css|svg)$/,
  methods: { GET: asset },
}
