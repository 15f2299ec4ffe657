/**
 * The chunks of a body, until it is over; throws the signal's reason once that is aborted. The body is ended here and not left to the
 * signal that `fetch` was given: on Node 20 that is lost to the garbage collector when the headers have come, and a body that says
 * nothing more would be waited for without end.
 */
export async function* bodyChunks(body: ReadableStream<Uint8Array>, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const reader = body.getReader()
  const cancel = () => void reader.cancel(signal.reason).catch(() => {})
  signal.addEventListener('abort', cancel, { once: true })
  try {
    for (;;) {
      signal.throwIfAborted()
      const { done, value } = await reader.read()
      signal.throwIfAborted()
      if (done) return
      yield value
    }
  } finally {
    signal.removeEventListener('abort', cancel)
    // Whoever reads no further does not leave a connection open.
    cancel()
  }
}
