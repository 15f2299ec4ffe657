import type { Sink } from '../../src/revocation/ports.js'
import type { RevocationEntry } from '../../src/wire/revocation-list.js'

export type Told = {
  readonly iss: string
  readonly iat: number
  readonly since?: string
  readonly after?: number
  readonly more?: boolean
  readonly cursor: string
  readonly revision: number
  readonly max_staleness: number
  readonly polled_at?: number
  readonly opened_at?: number
  readonly entries: readonly RevocationEntry[]
}

/** A server-sent event of the feed, its JWS unverified. */
export type Heard = {
  readonly event: string
  readonly id: string | undefined
  readonly data: string
  readonly told: Told
}

/** The whole events in a text, as a reader takes them apart. */
export function eventsIn(text: string): Heard[] {
  return text
    .split('\n\n')
    .slice(0, -1)
    .flatMap((block) => {
      const fields = new Map(
        block.split('\n').map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]),
      )
      const [event, data = ''] = [fields.get('event'), fields.get('data')]
      if (event === undefined) return []
      const json = data.startsWith('{') ? data : Buffer.from(data.split('.')[1] ?? '', 'base64url').toString()
      return { event, id: fields.get('id'), data, told: JSON.parse(json) }
    })
}

/** Is it the heartbeat in which one stream alone is told when it was opened? */
export const isGreeting = ({ told }: Heard) => told.opened_at !== undefined

/** What a reader knows after these events; throws where one does not follow what it knew. */
export function knownAfter(heard: readonly Heard[], knew = { revision: -1, digests: new Set<string>() }) {
  const known = { revision: knew.revision, digests: new Set(knew.digests) }
  for (const { event, told } of heard) {
    if (event === 'reset') throw new Error('reset')
    if (told.after !== undefined && told.after > known.revision) throw new Error(`a gap after ${known.revision}`)
    if (told.after === undefined) known.digests.clear()
    for (const { d } of told.entries) known.digests.add(d)
    known.revision = told.after === undefined ? told.revision : Math.max(known.revision, told.revision)
  }
  return known
}

export type MemorySink = Sink & {
  readonly events: () => Heard[]
  readonly text: () => string
  /** `ended` after what was written, `destroyed` at once. */
  readonly state: () => 'open' | 'ended' | 'destroyed'
  /** From now on nothing that is written is read. */
  stall(): void
  /** Reads all that waits. */
  drain(): void
  /** As a reader does that goes away. */
  hangUp(): void
}

/** A reader in memory. */
export function memorySink(): MemorySink {
  const controller = new AbortController()
  const chunks: Uint8Array[] = []
  let [state, stalled, waiting]: ['open' | 'ended' | 'destroyed', boolean, number] = ['open', false, 0]
  let onDrain: (() => void)[] = []
  const text = () => Buffer.concat(chunks).toString()
  const drain = () => {
    ;[stalled, waiting] = [false, 0]
    for (const listener of onDrain.splice(0)) listener()
    if (state === 'ended') controller.abort()
  }
  return {
    write(bytes) {
      if (state !== 'open') return false
      chunks.push(bytes)
      if (stalled) waiting += bytes.length
      return !stalled
    },
    buffered: () => waiting,
    onDrain(listener) {
      if (waiting === 0) listener()
      else onDrain = [...onDrain, listener]
    },
    end() {
      if (state !== 'open') return
      state = 'ended'
      if (waiting === 0) controller.abort()
    },
    destroy() {
      state = 'destroyed'
      controller.abort()
    },
    signal: controller.signal,
    events: () => eventsIn(text()),
    text,
    state: () => state,
    stall: () => {
      stalled = true
    },
    drain,
    hangUp: () => controller.abort(),
  }
}
