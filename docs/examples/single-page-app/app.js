const { issuer, clientId } = await (await fetch('/settings.json')).json()
const element = (id) => document.getElementById(id)

/** The access token, in this variable and nowhere else; the refresh token is in a cookie that no script can read. */
let accessToken
let timer

/** POSTs JSON to the issuer, with the cookie, as it asks pages to. */
async function call(path, members = {}) {
  const answer = await fetch(`${issuer}${path}`, {
    method: 'POST',
    credentials: 'include',
    headers: { 'Content-Type': 'application/json', 'X-Requested-With': 'bulla' },
    body: JSON.stringify({ client_id: clientId, ...members }),
  })
  return { ok: answer.ok, body: await answer.json() }
}

function signedIn({ access_token, expires_in }) {
  accessToken = access_token
  clearTimeout(timer)
  // Before it expires, so that no call has to wait; in a tab that slept, the next call does it.
  timer = setTimeout(refresh, Math.max(expires_in - 30, 5) * 1000)
  show()
}

function signedOut(message = '') {
  accessToken = undefined
  clearTimeout(timer)
  show(message)
}

/** A new access token for what the browser holds; false when it holds nothing that is good. Tabs may do so at once. */
async function refresh() {
  const { ok, body } = await call('/auth/refresh').catch(() => ({ ok: false, body: { error: 'offline' } }))
  if (ok) signedIn(body)
  // Out of reach, or too busy: still signed in, and the next call tries again.
  else if (body.error === 'invalid_grant') signedOut()
  return ok
}

/** Calls the API, once more with a new token when it refuses the one there was. */
async function api(path, mayRefresh = true) {
  const answer = await fetch(path, { headers: { authorization: `Bearer ${accessToken}` } })
  if (answer.status === 401 && mayRefresh && (await refresh())) return api(path, false)
  if (!answer.ok) throw new Error(`The API answered ${answer.status}.`)
  return answer.json()
}

function show(message = '') {
  element('sign-in').hidden = accessToken !== undefined
  element('signed-in').hidden = accessToken === undefined
  element('orders').replaceChildren()
  element('message').textContent = message
}

element('sign-in').addEventListener('submit', async (event) => {
  event.preventDefault()
  const { username, password } = Object.fromEntries(new FormData(event.target))
  const { ok, body } = await call('/auth/login', { username, password, refresh_token_delivery: 'cookie' })
  event.target.reset()
  if (ok) signedIn(body)
  else signedOut(body.error === 'invalid_grant' ? 'That is not right.' : body.error_description)
})

element('load').addEventListener('click', async () => {
  try {
    const { orders } = await api('/api/orders')
    const items = orders.map((order) => Object.assign(document.createElement('li'), { textContent: order }))
    element('orders').replaceChildren(...items)
  } catch (error) {
    element('message').textContent = error.message
  }
})

element('sign-out').addEventListener('click', async () => {
  const { ok, body } = await call('/auth/logout')
  if (ok) signedOut()
  else element('message').textContent = body.error_description
})

// Whoever was here before is signed in already.
if (!(await refresh())) show()
