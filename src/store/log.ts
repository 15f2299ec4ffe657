type Write = (details: object, message: string) => void

/** The part of a pino logger that this folder needs. */
export type Log = Record<'debug' | 'info' | 'warn' | 'error', Write>

const nothing: Write = () => {}

/** A log for those who want none. */
export const silent: Log = { debug: nothing, info: nothing, warn: nothing, error: nothing }
