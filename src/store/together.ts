type Call<Asked, Answer> = {
  readonly asked: Asked
  readonly resolve: (answer: Answer) => void
  readonly reject: (error: unknown) => void
}

type Together = {
  /** How many go together at most. */
  readonly most: number
  /** How long the next ones wait for an answer that does not come, in milliseconds. */
  readonly patience: number
}

// A statement for one takes a millisecond and for many five. Rows that it locks are held until the last of them is written.
const STATEMENT: Together = { most: 64, patience: 25 }

/**
 * A function of one that is answered for many: what is asked in one turn of the event loop goes together, at its end, and so does what
 * is asked while an answer is under way. Nothing waits for company, nor for longer than `patience` for each `most` of those before.
 * `answer` gives one for each in its place; when it fails, all of them fail.
 */
export function together<Asked, Answer>(
  answer: (asked: readonly Asked[]) => Promise<readonly Answer[]>,
  { most, patience }: Together = STATEMENT,
): (asked: Asked) => Promise<Answer> {
  const waiting: Call<Asked, Answer>[] = []
  let busy = false
  let awake = false

  function wake(): void {
    if (busy || awake) return
    awake = true
    // After all that the promises of this turn still do, and before the next one.
    process.nextTick(() => {
      awake = false
      if (waiting.length > 0) void run(waiting.splice(0, most))
    })
  }

  async function run(calls: readonly Call<Asked, Answer>[]): Promise<void> {
    let over = false
    const letOthersGo = () => {
      if (over) return
      over = true
      busy = false
      wake()
    }
    busy = true
    const timer = setTimeout(letOthersGo, patience)
    try {
      const answers = await answer(calls.map(({ asked }) => asked))
      for (const [place, { resolve }] of calls.entries()) resolve(answers[place] as Answer)
    } catch (error) {
      for (const { reject } of calls) reject(error)
    } finally {
      clearTimeout(timer)
      letOthersGo()
    }
  }

  return (asked) =>
    new Promise((resolve, reject) => {
      waiting.push({ asked, resolve, reject })
      wake()
    })
}

/** Which of those asked for a row answers, counted from 1, as Postgres gives it WITH ORDINALITY. */
export type Place = { readonly place: string }

/** The rows of a statement for many, each in the place of who asked for it. */
export function inPlace<Row extends Place>(rows: readonly Row[], count: number): (Row | undefined)[] {
  const found = Array.from<Row | undefined>({ length: count })
  for (const row of rows) found[Number(row.place) - 1] = row
  return found
}
