import { signAccessToken } from '../../src/wire/access-token.js'
import { openSealed } from '../../src/wire/open-own.js'
import { openWithPrivateKey } from '../../src/wire/open-with-private-key.js'
import { sealAccessToken } from '../../src/wire/seal.js'
import { type Api, apis, claims, kek, kekById, signingKey } from '../unit/wire/fixtures.js'

// Node 20 has frozen for ever within 50,000 key pairs, without an error and without using the CPU, so a soak that ends is the proof.
// tsx test/bench/soak-seal.ts [tokens per algorithm, 300,000 unless told]

const total = Number(process.argv[2] ?? 300_000)

function soak(api: Api): void {
  const started = performance.now()
  for (let n = 0; n < total; n++) {
    const inner = signAccessToken(claims, signingKey)
    const token = sealAccessToken(inner, api, kek)
    const isEqual = openSealed(token, kekById).inner === inner
    const isApiAsked = n % 100 === 0
    if (!isEqual || (isApiAsked && openWithPrivateKey(token, [api.decryptionKey]).inner !== inner)) {
      throw new Error(`Token ${n} of ${api.name} does not open.`)
    }
  }
  const seconds = (performance.now() - started) / 1000
  const memory = Math.round(process.memoryUsage.rss() / 2 ** 20)
  console.log(`${api.name}: ${total} signed, sealed and opened, ${Math.round(total / seconds)}/s, ${memory} MB`)
}

for (const api of apis.filter(({ enc }) => enc === 'A256GCM')) soak(api)
