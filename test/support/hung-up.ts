import { EventEmitter, once } from 'node:events'
import type { RequestListener } from 'node:http'
import express from 'express'
import type { App } from '../../src/http/router.js'
import type { Reached } from './http.js'

/** A caller that hangs up while its request is handled: the handler that waits for that, and the way there. */
export function hangingUp() {
  const calls = new EventEmitter()
  return {
    /** Called by a handler: over once the caller has gone. */
    async untilGone(): Promise<void> {
      calls.emit('started')
      await once(calls, 'gone')
    },
    /** Sends bytes, and hangs up once they are handled. */
    async ask(reach: (app: App) => Promise<Reached>, { listener }: App, request: string): Promise<void> {
      const watched: RequestListener = (req, res) => {
        req.socket.once('close', () => calls.emit('gone'))
        listener(req, res)
      }
      const { open } = await reach({ express: express().use(watched), listener: watched })
      const started = once(calls, 'started')
      const socket = await open(request)
      await started
      socket.destroy()
    },
  }
}
