import type { ApiCredentials } from './options.js'

/** The `Authorization` header of an API: both halves are form-encoded before they are joined. RFC 6749 §2.3.1. */
export function basicAuthorization({ id, secret }: ApiCredentials): string {
  return `Basic ${Buffer.from(`${formEncode(id)}:${formEncode(secret)}`).toString('base64')}`
}

const formEncode = (text: string) => new URLSearchParams([['', text]]).toString().slice(1)
