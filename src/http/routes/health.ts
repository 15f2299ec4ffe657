import { json, type RootHandler } from '../handler.js'

export type Readiness = { readonly ready: boolean; readonly reason?: string }

export interface HealthDeps {
  /** Whether this process can serve now, and if not why; the answer shows it. */
  readonly readiness: () => Readiness | Promise<Readiness>
}

/** GET /health/live: the process answers. It depends on nothing, so that an outage elsewhere restarts nobody. */
export const live: RootHandler<unknown> = async () => json(200, { status: 'ok' })

/** GET /health/ready: whether to send requests here; 503 says why not. */
export const ready: RootHandler<HealthDeps> = async (_request, { readiness }) => {
  const { ready, reason } = await readiness()
  return ready ? json(200, { status: 'ready' }) : json(503, { status: 'not_ready', reason })
}
