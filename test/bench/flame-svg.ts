/** What the inspector's Profiler gives, as far as it is read here. Microseconds. */
export type Profile = {
  readonly nodes: readonly {
    readonly id: number
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number }
    readonly children?: readonly number[]
  }[]
  readonly samples: readonly number[]
  readonly timeDeltas: readonly number[]
}

type Frame = { readonly name: string; time: number; readonly callees: Map<string, Frame> }

const WIDTH = 1200
const ROW = 17
const TOP = 46
/** Of all time: what takes less is too narrow to be seen, and there is a lot of it. */
const LEAST = 0.002
// Of the middle of a letter.
const LETTER = 6.8
const NOT_WORKING = new Set(['(idle)', '(program)'])

/** A flame chart that needs nothing else: wide is what takes long, below it what it calls; each frame tells its part by its title. */
export function flameSvg(profile: Profile, title: string): string {
  const root = merge(profile)
  const rows: Frame[][] = []
  const drawn: string[] = []
  const scale = WIDTH / Math.max(1, root.time)

  function draw(frame: Frame, left: number, depth: number): void {
    const width = frame.time * scale
    if (width < LEAST * WIDTH) return
    rows[depth] = [...(rows[depth] ?? []), frame]
    drawn.push(boxOf(frame, { left, width, top: TOP + depth * ROW, part: frame.time / root.time }))
    let at = left
    for (const callee of [...frame.callees.values()].sort((a, b) => b.time - a.time)) {
      draw(callee, at, depth + 1)
      at += callee.time * scale
    }
  }
  draw(root, 0, 0)

  const height = TOP + rows.length * ROW + 8
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escaped(title)}">
<style>${STYLE}</style>
<rect class="page" width="${WIDTH}" height="${height}"/>
<text class="title" x="8" y="22">${escaped(title)}</text>
<text x="8" y="38">${(root.time / 1e6).toFixed(1)} s of CPU. Each frame calls those below it; point at one to read its name and part.</text>
${drawn.join('\n')}
</svg>
`
}

// One sheet for readers of light and of dark pages.
const STYLE = `
svg{font:11px ui-monospace,monospace;fill:#222}.title{font-size:15px}.page{fill:#fff}
.own{fill:#f4b183}.node{fill:#a9cfa4}.native{fill:#cfd3da}.lib{fill:#a9c6ea}rect{stroke:#fff;stroke-width:.5}text{pointer-events:none}
@media(prefers-color-scheme:dark){svg{fill:#e6e6e6}.page{fill:#16181d}rect{stroke:#16181d}.own{fill:#8f4f1f}.node{fill:#2f5f3a}.native{fill:#454b57}.lib{fill:#2c4f7c}}`

type Box = { readonly left: number; readonly width: number; readonly top: number; readonly part: number }

function boxOf({ name }: Frame, { left, width, top, part }: Box): string {
  const fits = Math.floor((width - 6) / LETTER)
  const short = name.length <= fits ? name : `${name.slice(0, fits - 1)}…`
  const at = (value: number) => value.toFixed(1)
  const label = fits < 3 ? '' : `<text x="${at(left + 3)}" y="${top + 12}">${escaped(short)}</text>`
  const box = `<rect class="${kindOf(name)}" x="${at(left)}" y="${top}" width="${at(width)}" height="${ROW - 1}"/>`
  return `<g><title>${escaped(name)}, ${(100 * part).toFixed(1)} %</title>${box}${label}</g>`
}

function kindOf(name: string): string {
  if (name.includes(' dist/')) return 'own'
  if (name.includes(' node:')) return 'node'
  return name.includes(' ') ? 'lib' : 'native'
}

/** Calls of the same function from the same place are one frame. Waiting is not work, and left out. */
function merge({ nodes, samples, timeDeltas }: Profile): Frame {
  const byId = new Map(nodes.map((node) => [node.id, node]))
  const parents = new Map(nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id] as const)))
  const own = new Map<number, number>()
  samples.forEach((id, n) => {
    // A sample stands for the time until the next.
    own.set(id, (own.get(id) ?? 0) + (timeDeltas[n + 1] ?? 0))
  })
  const root: Frame = { name: 'all', time: 0, callees: new Map() }
  for (const [id, time] of own) {
    const stack = stackOf(id)
    if (stack.some((name) => NOT_WORKING.has(name))) continue
    root.time += time
    let frame = root
    for (const name of stack) {
      const callee = frame.callees.get(name) ?? { name, time: 0, callees: new Map() }
      frame.callees.set(name, callee)
      callee.time += time
      frame = callee
    }
  }
  return root

  /** From the outermost; without the root, which is ours. */
  function stackOf(of: number): string[] {
    const names: string[] = []
    for (let id: number | undefined = of; id !== undefined; id = parents.get(id)) {
      const node = byId.get(id)
      if (node && node.callFrame.functionName !== '(root)') names.unshift(nameOf(node.callFrame))
    }
    return names
  }
}

/** The function and where it is, from the package or this project on: no path of the machine it ran on. */
function nameOf({ functionName, url, lineNumber }: Profile['nodes'][number]['callFrame']): string {
  const place =
    /(?:dist|node_modules)\/.*$/.exec(url)?.[0].replace(/^.*node_modules\//, '') ?? url.replace(/^file:.*\//, '')
  const name = functionName || '(anonymous)'
  return place === '' ? name : `${name} ${place}:${lineNumber + 1}`
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }
const escaped = (text: string) => text.replace(/[&<>"]/g, (character) => ENTITIES[character] ?? character)
