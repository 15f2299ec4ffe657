import { invalidRequest } from './errors.js'

/** The parameters of one request. An empty value counts as absent, RFC 6749 §3.2. */
export interface Params {
  /** The value, undefined when absent; throws `invalid_request` when there are several or it is not a string. */
  get(name: string): string | undefined
  /** All values of a parameter that may repeat; empty when absent. */
  getAll(name: string): readonly string[]
}

/** Reads values that a parser collected by name. */
export function params(values: ReadonlyMap<string, readonly unknown[]>): Params {
  const text = (name: string, value: unknown) => {
    if (typeof value !== 'string')
      throw invalidRequest(`${printable(name)} must be a string.`, 'parameter_not_a_string')
    return value
  }
  return {
    get(name) {
      const [value, ...more] = values.get(name) ?? []
      if (more.length > 0) throw repeated(name)
      return value === undefined ? undefined : text(name, value)
    },
    getAll: (name) => (values.get(name) ?? []).map((value) => text(name, value)),
  }
}

/** The error for a parameter that came more than once, RFC 6749 §3.2. */
export const repeated = (name: string) =>
  invalidRequest(`${printable(name)} was given more than once.`, 'parameter_repeated')

// A name that only the caller knows is not said back.
const printable = (name: string) => (/^[a-z_]{1,40}$/.test(name) ? name : 'A parameter')
