import { generateKeyPairSync } from 'node:crypto'
import { SignJWT, UnsecuredJWT } from 'jose'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { deliveriesOf } from '../support/endings.js'
import { CALLBACK, endingsApp, formOf, logout, type Query } from '../support/endings-app.js'
import { type Stage, setStage } from '../support/fixtures.js'
import { type Agent, overBothTransports } from '../support/http.js'

let stage: Stage
let scene: ReturnType<typeof endingsApp>
beforeAll(async () => {
  stage = await setStage()
  scene = endingsApp(stage)
})
afterAll(() => stage.close())

overBothTransports('GET /oauth2/logout', (reach) => {
  it('signs out without a question when an ID token of this session asks, an expired one too, and goes back with the state', async () => {
    const { agent } = await reach(scene.app)
    const client = await scene.client(stage.ours, { backchannel_logout_uri: 'https://app.example/out' })
    const signedIn = await scene.signIn(stage.ours)
    await signedIn.grant(client)
    const id_token_hint = await scene.idToken(signedIn, client)
    const query = { id_token_hint, post_logout_redirect_uri: CALLBACK, state: 'a b&c', client_id: client.id }
    const { headers } = await logout(agent, query, signedIn.cookie).expect(303)
    expect(headers['location']).toBe(`${CALLBACK}?state=a+b%26c`)
    expect(headers['cache-control']).toBe('no-store')
    expect(await signedIn.isLive()).toBe(false)
    expect(await deliveriesOf(stage.pool, signedIn.session)).toMatchObject([{ client_id: client.id }])
    // The browser is another one from here on, with no session; what it had is good for nothing.
    const [pair = ''] = String(headers['set-cookie']).split(';')
    expect(pair).toMatch(/^__Host-bulla\.[^=]+=[A-Za-z0-9_-]{22}$/)
    expect(pair).not.toContain(signedIn.browser.id)
    const again = await agent.get('/account').set('cookie', signedIn.cookie).expect(303)
    expect(again.headers['location']).toMatch(/^\/sign-in\//)
  })

  it('goes back without a state where none was sent, and keeps the query that was registered', async () => {
    const { agent } = await reach(scene.app)
    const uri = `${CALLBACK}?from=us`
    const client = await scene.client(stage.ours, { post_logout_redirect_uris: [CALLBACK, uri] })
    for (const [post_logout_redirect_uri, more, location] of [
      [CALLBACK, {}, CALLBACK],
      [uri, { state: '1' }, `${uri}&state=1`],
    ] as const) {
      const signedIn = await scene.signIn(stage.ours)
      const query = { id_token_hint: await scene.idToken(signedIn, client), post_logout_redirect_uri, ...more }
      expect((await logout(agent, query, signedIn.cookie).expect(303)).headers['location']).toBe(location)
    }
  })

  it('says that the person is signed out where nothing was asked for beyond that', async () => {
    const { agent } = await reach(scene.app)
    const client = await scene.client(stage.ours)
    const signedIn = await scene.signIn(stage.ours)
    const query = { id_token_hint: await scene.idToken(signedIn, client), state: 'kept-to-ourselves' }
    const { text, headers } = await logout(agent, query, signedIn.cookie).expect(200)
    expect(text).toContain('You’re signed out')
    expect(text).not.toContain('kept-to-ourselves')
    expect(headers['location']).toBeUndefined()
    expect(await signedIn.isLive()).toBe(false)
  })

  it.each([
    ['no parameters', {}],
    ['only a state', { state: 'x' }],
    ['only a URI', { post_logout_redirect_uri: CALLBACK }],
    ['what it need not know', { logout_hint: 'ann@example.com', ui_locales: 'de xx', other: '1' }],
  ])('asks the person, and ends nothing, with %s', async (_, query) => {
    const { agent } = await reach(scene.app)
    const signedIn = await scene.signIn(stage.ours)
    const { text, headers } = await logout(agent, query, signedIn.cookie).expect(200)
    expect(formOf(text).action).toMatch(/^\/sign-out\/[A-Za-z0-9_-]{22}$/)
    expect(headers['set-cookie']).toBeUndefined()
    expect(await signedIn.isLive()).toBe(true)
    const { headers: after, text: done } = await logout(agent, query).expect(200)
    expect(done).not.toContain('<form')
    expect(after['location']).toBeUndefined()
  })

  it('asks when the ID token is of another session, of another user, or the client names itself alone', async () => {
    const { agent } = await reach(scene.app)
    const client = await scene.client(stage.ours)
    const here = await scene.signIn(stage.ours)
    const there = await scene.signIn(stage.ours, { user: here.world.user })
    const stranger = await scene.signIn(stage.ours)
    const hints: Query[] = [
      { id_token_hint: await scene.idToken(there, client) },
      { id_token_hint: await scene.idToken(stranger, client) },
      { id_token_hint: await scene.idToken(stranger, client, { sid: undefined }) },
      { client_id: client.id },
    ]
    for (const hint of hints) {
      const { text } = await logout(agent, { ...hint, post_logout_redirect_uri: CALLBACK }, here.cookie).expect(200)
      expect(text).toContain('asks to sign you out')
    }
    expect(await Promise.all([here, there, stranger].map(({ isLive }) => isLive()))).toEqual([true, true, true])
    // Of the same user, without a session: it is who is signed in.
    const own = { id_token_hint: await scene.idToken(here, client, { sid: undefined }) }
    await logout(agent, { ...own, post_logout_redirect_uri: CALLBACK }, here.cookie).expect(303)
  })

  it('believes no ID token that this tenant did not sign as one: it asks, and never goes anywhere', async () => {
    const { agent } = await reach(scene.app)
    const client = await scene.client(stage.ours)
    const signedIn = await scene.signIn(stage.ours)
    const other = await scene.signIn(stage.theirs)
    const good = await scene.idToken(signedIn, client)
    const [header = '', payload = '', signature = ''] = good.split('.')
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString())
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
    const { kid } = JSON.parse(Buffer.from(header, 'base64url').toString())
    const altered = Buffer.from(JSON.stringify({ ...claims, name: 'x' })).toString('base64url')
    const forged = {
      'alg none': new UnsecuredJWT(claims).encode(),
      'alg none, signed': [Buffer.from('{"alg":"none","typ":"JWT"}').toString('base64url'), payload, signature].join(
        '.',
      ),
      'a key of somebody else': await new SignJWT(claims)
        .setProtectedHeader({ alg: 'RS256', kid, typ: 'JWT' })
        .sign(privateKey),
      'another payload': [header, altered, signature].join('.'),
      'no signature': [header, payload, ''].join('.'),
      'the other tenant': await scene.idToken(other, client, { sub: signedIn.world.user.id, sid: claims.sid }),
      'the other tenant in our name': await scene.idToken(other, client, {
        ...claims,
        iss: scene.tenant(stage.ours).issuer,
      }),
      'our key in another name': await scene.idToken(signedIn, client, { iss: 'https://evil.example' }),
      'a logout token': await scene.idToken(signedIn, client, { header: { typ: 'logout+jwt', alg: 'RS256' } }),
      nonsense: 'a.b.c',
    }
    for (const [name, id_token_hint] of Object.entries(forged)) {
      for (const named of [{}, { client_id: client.id }] as Query[]) {
        const query = { id_token_hint, post_logout_redirect_uri: CALLBACK, state: 's', ...named }
        const { headers, text } = await logout(agent, query, signedIn.cookie).expect(200)
        expect([name, headers['location']]).toEqual([name, undefined])
        expect(text).not.toContain(CALLBACK)
        // Nor when nobody is signed in.
        const nobody = await logout(agent, query).expect(200)
        expect([name, nobody.headers['location'], nobody.text.includes(CALLBACK)]).toEqual([name, undefined, false])
        // Nor once the person has said yes.
        const { action, csrf } = formOf(text)
        expect([name, action]).toEqual([name, expect.stringContaining('/sign-out/')])
        expect(csrf).not.toBe('')
      }
    }
    expect(await signedIn.isLive()).toBe(true)
  })

  it('refuses the ID token of one client for another, and a client that is unknown, with a page', async () => {
    const { agent } = await reach(scene.app)
    const [client, other] = [await scene.client(stage.ours), await scene.client(stage.ours)]
    const foreign = await scene.client(stage.theirs)
    const signedIn = await scene.signIn(stage.ours)
    const id_token_hint = await scene.idToken(signedIn, client)
    const wrong: Query[] = [
      { id_token_hint, client_id: other.id },
      { id_token_hint, client_id: foreign.id },
      { client_id: foreign.id },
      { client_id: 'nobody' },
      { client_id: '__proto__' },
    ]
    for (const query of wrong) {
      const { headers, text } = await logout(
        agent,
        { ...query, post_logout_redirect_uri: CALLBACK },
        signedIn.cookie,
      ).expect(400)
      expect(headers['location']).toBeUndefined()
      expect(text).toContain('This link can’t be used')
    }
    expect(await signedIn.isLive()).toBe(true)
  })

  it.each([
    `${CALLBACK}/`,
    `${CALLBACK}?a=b`,
    `${CALLBACK}#x`,
    `${CALLBACK}%2f`,
    CALLBACK.toUpperCase(),
    CALLBACK.replace('https', 'http'),
    'https://app.example/signed-ou',
    'https://app.example',
    'https://app.example.evil.example/signed-out',
    'https://app.example@evil.example/signed-out',
    'https://app.example\\@evil.example/signed-out',
    '//evil.example',
    '/\\evil.example',
    'javascript:alert(1)',
    'https://other.example/signed-out',
    '__proto__',
  ])('goes to no URI that the client did not register byte for byte: %s', async (post_logout_redirect_uri) => {
    const { agent } = await reach(scene.app)
    const client = await scene.client(stage.ours)
    await scene.client(stage.ours, { post_logout_redirect_uris: ['https://other.example/signed-out'] })
    const signedIn = await scene.signIn(stage.ours)
    const hint = { id_token_hint: await scene.idToken(signedIn, client) }
    for (const [query, cookie] of [
      [hint, signedIn.cookie],
      [hint, ''],
      [{ client_id: client.id }, signedIn.cookie],
      [{ client_id: client.id }, ''],
    ] as [Query, string][]) {
      const { headers } = await logout(agent, { ...query, post_logout_redirect_uri, state: 's' }, cookie).expect(400)
      expect(headers['location']).toBeUndefined()
      expect(headers['content-type']).toContain('text/html')
    }
    expect(await signedIn.isLive()).toBe(true)
  })

  it('sends nobody on who is not signed in, unless an ID token vouches for the client; else there is a link', async () => {
    const { agent } = await reach(scene.app)
    const client = await scene.client(stage.ours)
    const signedIn = await scene.signIn(stage.ours)
    const id_token_hint = await scene.idToken(signedIn, client)
    const query = { post_logout_redirect_uri: CALLBACK, state: 's' }
    const sent = await logout(agent, { ...query, id_token_hint }).expect(303)
    expect(sent.headers['location']).toBe(`${CALLBACK}?state=s`)
    // A browser that may be in the middle of signing in stays the one it is.
    expect(sent.headers['set-cookie']).toBeUndefined()
    const { headers, text } = await logout(agent, { ...query, client_id: client.id }).expect(200)
    expect(headers['location']).toBeUndefined()
    expect(text).toContain(`href="${CALLBACK}?state=s"`)
  })

  it('puts no header into the answer, whatever is in the state', async () => {
    const { agent } = await reach(scene.app)
    const client = await scene.client(stage.ours)
    const signedIn = await scene.signIn(stage.ours)
    const state = '\r\nset-cookie: a=b\r\n\r\n<script>"\u2028&state=2#x'
    const query = { id_token_hint: await scene.idToken(signedIn, client), post_logout_redirect_uri: CALLBACK, state }
    const { headers } = await logout(agent, query, signedIn.cookie).expect(303)
    expect(headers['location']).toMatch(/^[\x21-\x7e]+$/)
    const { searchParams, hash } = new URL(headers['location'] ?? '')
    expect([[...searchParams], hash]).toEqual([[['state', state]], ''])
    expect(String(headers['set-cookie'])).not.toContain('a=b')
  })

  it('refuses a parameter that comes twice', async () => {
    const { agent } = await reach(scene.app)
    for (const query of ['state=1&state=2', 'client_id=a&client_id=b', 'state[]=1&state=2']) {
      await agent.get(`/oauth2/logout?${query}`).expect(400)
    }
  })

  it('knows the sessions of its own tenant alone', async () => {
    const { agent } = await reach(scene.app)
    const client = await scene.client(stage.theirs)
    const [ours, theirs] = [await scene.signIn(stage.ours), await scene.signIn(stage.theirs)]
    const cookie = `${ours.cookie}; ${theirs.cookie}`
    const query = { id_token_hint: await scene.idToken(theirs, client), post_logout_redirect_uri: CALLBACK }
    await logout(agent, query, cookie, `/t/${stage.theirs.tenant.slug}/oauth2/logout`).expect(303, '')
    expect([await ours.isLive(), await theirs.isLive()]).toEqual([true, false])
  })

  it('shows clients that are told by the browser in frames, with issuer and session, and goes on', async () => {
    const { agent } = await reach(scene.app)
    const clients = [
      await scene.client(stage.ours, { frontchannel_logout_uri: 'https://one.example/out?a=b' }),
      await scene.client(stage.ours, { frontchannel_logout_uri: 'https://two.example:8443/out' }),
      // Of our own origin a frame could read our pages.
      await scene.client(stage.ours, { frontchannel_logout_uri: 'https://id.example.com/account' }),
    ] as const
    const farewell = async (query: Query) => {
      const signedIn = await scene.signIn(stage.ours)
      for (const client of clients) await signedIn.grant(client)
      const id_token_hint = await scene.idToken(signedIn, clients[0])
      const { headers, text } = await logout(agent, { id_token_hint, ...query }, signedIn.cookie).expect(200)
      expect(await signedIn.isLive()).toBe(false)
      return { headers, text, sid: Buffer.from(signedIn.session.replaceAll('-', ''), 'hex').toString('base64url') }
    }
    const { headers, text, sid } = await farewell({ post_logout_redirect_uri: CALLBACK, state: 's' })
    const frames = [...text.matchAll(/<iframe src="([^"]+)"/g)].map(([, src = '']) => src.replaceAll('&amp;', '&'))
    expect(frames).toEqual([
      `https://one.example/out?a=b&iss=https%3A%2F%2Fid.example.com&sid=${sid}`,
      `https://two.example:8443/out?iss=https%3A%2F%2Fid.example.com&sid=${sid}`,
    ])
    expect(headers['content-security-policy']).toContain('frame-src https://one.example https://two.example:8443;')
    expect(String(headers['set-cookie'])).toMatch(/=[A-Za-z0-9_-]{22};/)
    expect(text).toContain(`url=${CALLBACK}?state=s"`)
    expect((await farewell({})).text).toContain('url=/oauth2/logout"')
  })

  it('is nothing that another page can frame or anybody may keep', async () => {
    const { agent } = await reach(scene.app)
    const signedIn = await scene.signIn(stage.ours)
    for (const [path, cookie] of [
      ['/oauth2/logout', signedIn.cookie],
      ['/oauth2/logout', ''],
      ['/oauth2/logout?client_id=nobody', ''],
      ['/account', signedIn.cookie],
    ] as const) {
      const { headers } = await agent.get(path).set('cookie', cookie)
      expect(headers['x-frame-options']).toBe('DENY')
      expect(headers['content-security-policy']).toContain("frame-ancestors 'none'")
      expect(headers['cache-control']).toBe('no-store')
      expect(headers['referrer-policy']).toBe('no-referrer')
      expect(headers['access-control-allow-origin']).toBeUndefined()
    }
  })
})

overBothTransports('POST /oauth2/logout', (reach) => {
  const send = (agent: Agent, form: Query, path = '/oauth2/logout') =>
    agent.post(path).type('form').set('origin', 'https://app.example').send(new URLSearchParams(form).toString())

  it('is answered with the same by GET, so that the cookie comes along', async () => {
    const { agent } = await reach(scene.app)
    const client = await scene.client(stage.ours)
    const signedIn = await scene.signIn(stage.ours)
    const form = {
      id_token_hint: await scene.idToken(signedIn, client),
      post_logout_redirect_uri: CALLBACK,
      state: 'a&b',
    }
    const { headers } = await send(agent, { ...form, other: 'left out' }).expect(303)
    const [path, query] = String(headers['location']).split('?')
    expect(path).toBe('/oauth2/logout')
    expect(Object.fromEntries(new URLSearchParams(query))).toEqual(form)
    expect(await signedIn.isLive()).toBe(true)
    const { headers: after } = await agent.get(String(headers['location'])).set('cookie', signedIn.cookie).expect(303)
    expect(after['location']).toBe(`${CALLBACK}?state=a%26b`)
    const theirs = `/t/${stage.theirs.tenant.slug}/oauth2/logout`
    expect((await send(agent, {}, theirs).expect(303)).headers['location']).toBe(theirs)
  })

  it('does without an ID token that no URL can hold: the person is asked; what is larger still is refused', async () => {
    const { agent } = await reach(scene.app)
    const client = await scene.client(stage.ours)
    const form = { id_token_hint: 'x'.repeat(9_000), client_id: client.id }
    const { headers } = await send(agent, form).expect(303)
    expect(headers['location']).toBe(`/oauth2/logout?client_id=${client.id}`)
    await send(agent, { ...form, state: 's'.repeat(9_000) }).expect(413)
    await send(agent, {}, '/oauth2/logout?state=x').expect(400)
  })
})
