import { request } from 'node:http'

/** Sends its body, and answers with the status. */
export type HeldForm = { readonly finish: () => Promise<number | undefined> }

/** A form whose head the server has read, so that it is in flight, and whose body it is still waiting for. */
export function heldForm(url: string, fields: Readonly<Record<string, string>>): Promise<HeldForm> {
  const body = new URLSearchParams(fields).toString()
  const headers = {
    'content-type': 'application/x-www-form-urlencoded',
    'content-length': body.length,
    expect: '100-continue',
  }
  const sent = request(url, { method: 'POST', headers, agent: false })
  const status = new Promise<number | undefined>((resolve, reject) => {
    sent.on('error', reject)
    sent.on('response', (response) => {
      response.resume().on('end', () => resolve(response.statusCode))
    })
  })
  // Who never finishes it does not ask what became of it.
  status.catch(() => {})
  const finish = () => {
    sent.end(body)
    return status
  }
  return new Promise<HeldForm>((resolve, reject) => {
    sent.on('error', reject).on('continue', () => resolve({ finish }))
    sent.flushHeaders()
  })
}
