import { isJsonObject } from '../crypto/json.js'

/** Who acts for the subject; an actor before it is nested. RFC 8693 §4.1. */
export type Actor = { sub: string; iss?: string; act?: Actor }

/** The claims of an access token, RFC 9068 §2.2; times are seconds since 1970. */
export type AccessTokenClaims = {
  iss: string
  sub: string
  aud: string
  client_id: string
  iat: number
  exp: number
  nbf?: number
  jti: string
  scope?: string
  /** The tenant's revision in microseconds: a wide revocation at r kills what has `rev < r`. */
  rev: number
  grant?: string
  sid?: string
  auth_time?: number
  acr?: string
  amr?: readonly string[]
  status?: { status_list: { idx: number; uri: string } }
  cnf?: { jkt?: string; 'x5t#S256'?: string }
  act?: Actor
}

/** Reads the payload of an access token; undefined when a claim is missing or of another type. RFC 9068 §2.2. */
export function parseClaims(payload: Record<string, unknown>): AccessTokenClaims | undefined {
  return isAccessTokenClaims(payload) ? payload : undefined
}

const isText = (value: unknown) => typeof value === 'string' && value !== ''
const isWholeNumber = (value: unknown) => Number.isSafeInteger(value) && Number(value) >= 0
const isTextList = (value: unknown) => Array.isArray(value) && value.every(isText)

type Checks = readonly (readonly [name: string, isValid: (value: unknown) => boolean])[]

const REQUIRED: Checks = Object.entries({
  iss: isText,
  sub: isText,
  aud: isText,
  client_id: isText,
  iat: isWholeNumber,
  exp: isWholeNumber,
  jti: isText,
  rev: isWholeNumber,
})
const OPTIONAL: Checks = Object.entries({
  nbf: isWholeNumber,
  scope: (value) => typeof value === 'string',
  grant: isText,
  sid: isText,
  auth_time: isWholeNumber,
  acr: isText,
  amr: isTextList,
  status: isStatus,
  cnf: isJsonObject,
  act: isActor,
})

function isAccessTokenClaims(
  payload: Readonly<Record<string, unknown>>,
): payload is Record<string, unknown> & AccessTokenClaims {
  // Own members alone: nothing that every object has is a claim.
  const has = (name: string) => Object.hasOwn(payload, name)
  return (
    REQUIRED.every(([name, isValid]) => has(name) && isValid(payload[name])) &&
    OPTIONAL.every(([name, isValid]) => !has(name) || isValid(payload[name]))
  )
}

function isStatus(value: unknown): boolean {
  const list = isJsonObject(value) ? value['status_list'] : undefined
  return isJsonObject(list) && isWholeNumber(list['idx']) && isText(list['uri'])
}

function isActor(value: unknown): value is Actor {
  return isJsonObject(value) && isText(value['sub']) && (value['act'] === undefined || isActor(value['act']))
}
