import { clearTimeout, setTimeout } from 'node:timers'

/**
 * What work comes to, unless that takes longer than so many milliseconds: then it throws, and `giveUp` is called. Whatever becomes of a
 * request, who waits for it goes on.
 */
export async function inTime<T>(milliseconds: number, work: Promise<T>, giveUp: () => void): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`nothing came in ${milliseconds} ms`))
      giveUp()
    }, milliseconds)
    timer.unref?.()
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}

/** Waits for something, but not for long: so many milliseconds at most. What it comes to is looked at elsewhere. */
export async function waitAtMost(milliseconds: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise((resolve) => {
    timer = setTimeout(resolve, milliseconds)
  })
  await Promise.race([work, late])
  clearTimeout(timer)
}
