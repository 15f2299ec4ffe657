import type { ServerResponse } from 'node:http'
import type { StreamWriter } from './handler.js'

/** Lets a stream write what follows the head that was sent. Resolves when it is over, whoever ended it. */
export function streamTo(res: ServerResponse, stream: (writer: StreamWriter) => void): Promise<void> {
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
