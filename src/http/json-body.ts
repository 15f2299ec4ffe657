import { jsonFlaw } from '../crypto/json.js'
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
  const flaw = jsonFlaw(text, MAX_DEPTH)
  if (flaw === 'too_deep') throw invalidRequest('The body is nested too deeply.', 'json_too_deep')
  if (flaw) throw invalidRequest('A member of the body is given more than once.', 'json_member_repeated')
  return value
}

// A lone surrogate has no UTF-8 form; two of them could be stored as one and the same replacement character.
const isText = (text: string) => !text.includes('\0') && !/\p{Surrogate}/u.test(text)
