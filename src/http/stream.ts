import type { ServerResponse } from 'node:http'
import type { StreamWriter } from './handler.js'

/** Lets a stream write what follows the head that was sent. Resolves when it is over, whoever ended it. */
export async function streamTo(res: ServerResponse, stream: (writer: StreamWriter) => void): Promise<void> {
  if (!(await itsTurn(res))) return
  const controller = new AbortController()
  return new Promise((resolve, reject) => {
    res.once('close', () => {
      controller.abort()
      resolve()
    })
    try {
      stream(writerTo(res, controller.signal))
    } catch (error) {
      res.destroy()
      reject(error)
    }
  })
}

/**
 * Waits until the answers before it on its connection have gone out, RFC 9112 §9.3.2; false when the connection closes first. Of an
 * answer that waits, Node never says that it closed: a stream begun before its turn might not hear of its end.
 */
async function itsTurn(res: ServerResponse): Promise<boolean> {
  if (res.socket) return true
  const { socket } = res.req
  return new Promise((resolve) => {
    const begun = () => settle(true)
    const closed = () => settle(false)
    function settle(open: boolean) {
      res.off('socket', begun)
      socket.off('close', closed)
      resolve(open)
    }
    // As many may wait as were asked for in a row: no leak to warn of.
    socket.setMaxListeners(0)
    res.on('socket', begun)
    socket.on('close', closed)
    if (socket.destroyed) closed()
  })
}

function writerTo(res: ServerResponse, signal: AbortSignal): StreamWriter {
  // Node answers what is written afterwards with an error event.
  const isOver = () => res.writableEnded || res.destroyed
  return {
    write: (bytes) => !isOver() && res.write(bytes),
    buffered: () => res.writableLength,
    onDrain(listener) {
      if (res.writableNeedDrain) res.once('drain', listener)
      else listener()
    },
    end() {
      if (!isOver()) res.end()
    },
    destroy: () => void res.destroy(),
    signal,
  }
}
