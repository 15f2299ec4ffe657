import { invalidRequest } from '../oauth/errors.js'
import { type Params, params } from '../oauth/params.js'
import { refuseQuery } from './form.js'
import type { RootRequest } from './handler.js'

const MAX_DEPTH = 8

/**
 * The parameters of a posted JSON object, read as strictly as a form: strings, and lists of strings for what may repeat.
 * `null` and `""` count as absent; a member nobody asks for may be anything.
 */
export function jsonParams(request: RootRequest, { repeatable = [] }: { repeatable?: readonly string[] } = {}): Params {
  refuseQuery(request)
  const values = new Map<string, readonly unknown[]>()
  for (const [name, value] of Object.entries(parseObject(request.body))) {
    const all = Array.isArray(value) && repeatable.includes(name) ? value : [value]
    const given = all.filter((one) => one !== null && one !== '')
    if (given.some((one) => typeof one === 'string' && !isText(one))) {
      throw invalidRequest('A member of the body is not valid text.', 'malformed_text')
    }
    if (given.length > 0) values.set(name, given)
  }
  return params(values)
}

function parseObject(text: string): object {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw invalidRequest('The body is not valid JSON.', 'malformed_json')
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalidRequest('The body must be a JSON object.', 'json_not_an_object')
  }
  refuseAmbiguity(text)
  return value
}

/** Two members of one name mean different things to different parsers, RFC 8259 §4. The text is known to be JSON. */
function refuseAmbiguity(text: string): void {
  const open: (Set<string> | undefined)[] = []
  for (const [token, colon] of text.matchAll(/"(?:[^"\\]+|\\.)*"(\s*:)?|[{}[\]]/g)) {
    if (token === '{' || token === '[') {
      if (open.push(token === '{' ? new Set() : undefined) > MAX_DEPTH) {
        throw invalidRequest('The body is nested too deeply.', 'json_too_deep')
      }
    } else if (token === '}' || token === ']') {
      open.pop()
    } else if (colon !== undefined) {
      const name: string = JSON.parse(token.slice(0, -colon.length))
      const names = open.at(-1)
      if (names?.has(name))
        throw invalidRequest('A member of the body is given more than once.', 'json_member_repeated')
      names?.add(name)
    }
  }
}

// A lone surrogate has no UTF-8 form; two of them could be stored as one and the same replacement character.
const isText = (text: string) => !text.includes('\0') && !/\p{Surrogate}/u.test(text)
