import { expect, test } from 'vitest'
import { flameSvg, type Profile } from '../../bench/flame-svg.js'

const frame = (functionName: string, url = '', lineNumber = 0) => ({ functionName, url, lineNumber })
const PROFILE: Profile = {
  nodes: [
    { id: 1, callFrame: frame('(root)'), children: [2, 5, 6] },
    { id: 2, callFrame: frame('serve', 'file:///somewhere/else/dist/http/serve.js', 9), children: [3, 4] },
    { id: 3, callFrame: frame('seal', 'file:///somewhere/else/dist/wire/seal.js', 19) },
    { id: 4, callFrame: frame('<query>', 'file:///somewhere/else/node_modules/pg/lib/client.js', 4) },
    { id: 5, callFrame: frame('(idle)') },
    { id: 6, callFrame: frame('serve', 'file:///somewhere/else/dist/http/serve.js', 9), children: [7] },
    { id: 7, callFrame: frame('writeHead', 'node:_http_server', 0) },
  ],
  // Each stands for what the next delta says.
  samples: [3, 4, 5, 7, 2],
  timeDeltas: [0, 500, 250, 9_000, 200, 50],
}

test('a frame is as wide as its part of the work, and says so', () => {
  const svg = flameSvg(PROFILE, 'Tokens')
  expect(svg).toContain(
    '<title>seal dist/wire/seal.js:20, 50.0 %</title><rect class="own" x="0.0" y="80" width="600.0"',
  )
  expect(svg).toContain('<title>&lt;query&gt; pg/lib/client.js:5, 25.0 %</title><rect class="lib" x="600.0"')
  expect(svg).toContain('<title>writeHead node:_http_server:1, 20.0 %</title><rect class="node" x="900.0"')
})

test('calls of the same function from the same place are one frame', () => {
  expect(flameSvg(PROFILE, 'Tokens').match(/<title>serve /g)).toHaveLength(1)
})

test('waiting is not work', () => {
  const svg = flameSvg(PROFILE, 'Tokens')
  expect(svg).not.toContain('(idle)')
  expect(svg).toContain('<title>all, 100.0 %</title>')
})

test('names nothing of the machine it was made on, and needs nothing from elsewhere', () => {
  const svg = flameSvg(PROFILE, 'Tokens & <keys>')
  expect(svg).not.toContain('somewhere')
  expect(svg).toContain('Tokens &amp; &lt;keys&gt;')
  expect(svg.replace('http://www.w3.org/2000/svg', '')).not.toMatch(/https?:|href|url\(/)
  expect(svg).toContain('prefers-color-scheme:dark')
})

test('of nothing makes a chart of nothing', () => {
  expect(flameSvg({ nodes: [], samples: [], timeDeltas: [] }, 'Nothing')).toContain('0.0 s of CPU')
})
