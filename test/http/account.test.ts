import { afterAll, beforeAll, expect, it } from 'vitest'
import { createGrants } from '../../src/store/grants.js'
import { deliveriesOf, giveConsent } from '../support/endings.js'
import { endingsApp, type SignedIn } from '../support/endings-app.js'
import { auditTrail, insert, makeApi, makeGrant, type Stage, setStage } from '../support/fixtures.js'
import { type Agent, overBothTransports } from '../support/http.js'

let stage: Stage
let scene: ReturnType<typeof endingsApp>
beforeAll(async () => {
  stage = await setStage()
  scene = endingsApp(stage)
})
afterAll(() => stage.close())

type Form = Record<string, string>

const base = (of: SignedIn) => new URL(scene.tenant(of.world).issuer).pathname.replace(/\/$/, '')
const show = (agent: Agent, signedIn: SignedIn, query = '') =>
  agent.get(`${base(signedIn)}/account${query}`).set('cookie', signedIn.cookie)

async function act(agent: Agent, signedIn: SignedIn, form: Form, headers: Form = {}) {
  const { text } = await show(agent, signedIn)
  const [, csrf = ''] = /name="csrf" value="([^"]+)"/.exec(text) ?? []
  return agent
    .post(`${base(signedIn)}/account`)
    .type('form')
    .set({ cookie: signedIn.cookie, origin: 'https://id.example.com', 'sec-fetch-site': 'same-origin', ...headers })
    .send(new URLSearchParams({ csrf, ...form }).toString())
}

const grants = () => createGrants(stage)
const stateOf = async ({ tenantId, id }: { tenantId: string; id: string }) => (await grants().find(tenantId, id))?.state

overBothTransports('GET /account', (reach) => {
  it('begins a sign-in of its own in a browser where nobody is signed in', async () => {
    const { agent } = await reach(scene.app)
    const { headers } = await agent.get('/account').expect(303)
    const [, id = ''] = /^\/sign-in\/([A-Za-z0-9_-]{22})$/.exec(headers['location'] ?? '') ?? []
    const [, browser = ''] = /=([A-Za-z0-9_-]{22});/.exec(String(headers['set-cookie'])) ?? []
    const kept = await scene.ports.signInStates.find(stage.ours.tenant.id, { id, browser })
    expect(kept).toEqual({ state: { purpose: 'account' }, version: 0, clientId: undefined })
    expect(headers['cache-control']).toBe('no-store')
    const { slug } = stage.theirs.tenant
    const { headers: theirs } = await agent.get(`/t/${slug}/account`).expect(303)
    expect(theirs['location']).toMatch(new RegExp(`^/t/${slug}/sign-in/`))
  })

  it('shows where the person is signed in and what has access, in words, and nothing of anybody else', async () => {
    const { agent } = await reach(scene.app)
    const { pool } = stage
    const agents = { one: 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0', two: '<script>"' }
    const here = await scene.signIn(stage.ours, { userAgent: agents.one })
    const there = await scene.signIn(stage.ours, { user: here.world.user, userAgent: agents.two })
    const stranger = await scene.signIn(stage.ours)
    const { tenant } = here.world
    const api = await makeApi(pool, tenant.id, { name: 'Orders <API>' })
    await pool.query('UPDATE api_scopes SET description = $2 WHERE api_id = $1 AND name = $3', [
      api.id,
      'See <your> orders',
      'read',
    ])
    const granted = await scene.client(stage.ours, { name: '<b>Shop</b>', first_party: false })
    const consented = await scene.client(stage.ours, { name: 'Planner', first_party: false, verified: true })
    const foreign = await scene.client(stage.ours, { name: 'Foreign' })
    const ended = await scene.client(stage.ours, { name: 'Long over' })
    const scope = ['openid', 'read', 'unknown']
    await makeGrant(grants(), { ...here.world, client: granted }, { scope, apis: [api.id], sessionId: here.session })
    await giveConsent(pool, { ...here.world, client: consented })
    await insert(pool, 'consents', {
      tenant_id: tenant.id,
      user_id: here.world.user.id,
      client_id: consented.id,
      api_id: '',
      scope: ['email'],
    })
    await stranger.grant(foreign)
    const dead = await there.grant(ended)
    await pool.query('UPDATE grants SET revoked_at = now() WHERE id = $1', [dead.id])

    const { text } = await show(agent, here).expect(200)
    expect(text).toContain(`value="${there.session}"`)
    expect(text).not.toContain(stranger.session)
    expect(text).toContain('Firefox')
    expect(text).toContain('192.0.2.7')
    expect(text).toContain('See &lt;your&gt; orders')
    expect(text).toContain('Orders &lt;API&gt;')
    expect(text).toContain('&lt;b&gt;Shop&lt;/b&gt;')
    expect(text).toContain('Planner')
    expect(text).not.toContain('Foreign')
    expect(text).not.toContain('Long over')
    expect(text).not.toContain('<script')
    const apps = await scene.ports.accounts.apps(tenant.id, here.world.user.id)
    expect(apps).toMatchObject([
      { clientId: granted.id, verified: false, scope: ['openid', 'read', 'unknown'], usedAt: expect.any(Date) },
      { clientId: consented.id, verified: true, scope: ['email'], usedAt: undefined },
    ])
    expect(apps[0]?.permissions).toEqual([{ api: 'Orders <API>', scope: 'read', description: 'See <your> orders' }])
    expect(await scene.ports.accounts.apps(stage.theirs.tenant.id, here.world.user.id)).toEqual([])
    expect(await scene.ports.accounts.sessions(stage.theirs.tenant.id, here.world.user.id)).toEqual([])
  })

  it('lists the newest hundred sessions, and none that is over', async () => {
    const signedIn = await scene.signIn(stage.ours)
    const { tenant, user } = signedIn.world
    await stage.pool.query(
      `INSERT INTO sessions (tenant_id, month, id, secret_hash, user_id, revision, auth_time, idle, created_at, used_at, expires_at, revoked_at)
       SELECT $1, month_of(now()), encode(int2send(month_of(now())) || substring(uuid_send(gen_random_uuid()) FROM 3), 'hex')::uuid, '', $2, 0,
              now(), 7200, now() + make_interval(secs => n), now() - make_interval(secs => CASE WHEN n % 10 = 1 THEN 8000 ELSE 0 END),
              now() + make_interval(secs => CASE WHEN n % 10 = 2 THEN -1 ELSE 100 END), CASE WHEN n % 10 = 3 THEN now() END
         FROM generate_series(0, 199) AS n`,
      [tenant.id, user.id],
    )
    const listed = await scene.ports.accounts.sessions(tenant.id, user.id)
    expect(listed).toHaveLength(100)
    const times = listed.map(({ createdAt }) => createdAt.getTime())
    expect(times).toEqual([...times].sort((a, b) => b - a))
    expect((times[0] ?? 0) - Date.now()).toBeGreaterThan(190_000)
    const { rows } = await stage.pool.query(
      "SELECT id FROM sessions WHERE id = ANY ($1) AND (revoked_at IS NOT NULL OR expires_at < now() OR used_at < now() - interval '2 hours')",
      [listed.map(({ id }) => id)],
    )
    expect(rows).toEqual([])
  })

  it('says what was just done in words of its own, whatever the URL says', async () => {
    const { agent } = await reach(scene.app)
    const signedIn = await scene.signIn(stage.ours)
    expect((await show(agent, signedIn, '?notice=session_ended')).text).toContain('That browser is signed out.')
    for (const notice of ['<script>alert(1)</script>', 'toString', '__proto__', 'Call 555-0100', '']) {
      const { text } = await show(agent, signedIn, `?notice=${encodeURIComponent(notice)}`).expect(200)
      expect(text).not.toContain('role="status"')
      expect(text).not.toContain('555-0100')
    }
  })
})

overBothTransports('POST /account', (reach) => {
  it('ends a session elsewhere, once or twice, and tells its clients', async () => {
    const { agent } = await reach(scene.app)
    const here = await scene.signIn(stage.ours)
    const there = await scene.signIn(stage.ours, { user: here.world.user })
    const client = await scene.client(stage.ours, { backchannel_logout_uri: 'https://app.example/out' })
    const grant = await there.grant(client)
    for (let time = 0; time < 2; time++) {
      const { status, headers } = await act(agent, here, { action: 'end_session', session: there.session })
      expect([status, headers['location']]).toEqual([303, '/account?notice=session_ended'])
    }
    expect([await here.isLive(), await there.isLive()]).toEqual([true, false])
    expect(await stateOf(grant)).toBe('revoked')
    expect(await deliveriesOf(stage.pool, there.session)).toMatchObject([{ client_id: client.id }])
    const ends = (await auditTrail(stage.pool, here.world.tenant.id)).filter(
      ({ subject }) => subject['session'] === there.session,
    )
    expect(ends.map(({ type }) => type).filter((type) => type === 'session.ended')).toHaveLength(1)
  })

  it.each([{ action: 'sign_out' }, { action: 'end_session' }])(
    'signs out this browser with $action: the cookie is another, and what it had is dead',
    async ({ action }) => {
      const { agent } = await reach(scene.app)
      const here = await scene.signIn(stage.ours)
      const front = await scene.client(stage.ours, { frontchannel_logout_uri: 'https://app.example/front' })
      const there = await scene.signIn(stage.ours, { user: here.world.user })
      await here.grant(front)
      const { status, headers, text } = await act(agent, here, { action, session: here.session })
      expect(status).toBe(200)
      expect(text).toContain('<iframe src="https://app.example/front?')
      expect(String(headers['set-cookie'])).toMatch(/=[A-Za-z0-9_-]{22};/)
      expect([await here.isLive(), await there.isLive()]).toEqual([false, true])
      expect((await show(agent, here).expect(303)).headers['location']).toMatch(/^\/sign-in\//)
    },
  )

  it('signs out everywhere else', async () => {
    const { agent } = await reach(scene.app)
    const here = await scene.signIn(stage.ours)
    const others = await Promise.all([1, 2].map(() => scene.signIn(stage.ours, { user: here.world.user })))
    const stranger = await scene.signIn(stage.ours)
    const { headers } = await act(agent, here, { action: 'sign_out_others' })
    expect(headers['location']).toBe('/account?notice=signed_out_elsewhere')
    expect(await Promise.all([here, ...others, stranger].map(({ isLive }) => isLive()))).toEqual([
      true,
      false,
      false,
      true,
    ])
  })

  it('ends the access of an app', async () => {
    const { agent } = await reach(scene.app)
    const here = await scene.signIn(stage.ours)
    const client = await scene.client(stage.ours)
    const [grant, other] = [await here.grant(client), await here.grant(await scene.client(stage.ours))]
    for (let time = 0; time < 2; time++) {
      const { headers } = await act(agent, here, { action: 'end_access', client: client.id })
      expect(headers['location']).toBe('/account?notice=access_ended')
    }
    expect([await stateOf(grant), await stateOf(other), await here.isLive()]).toEqual(['revoked', 'live', true])
  })

  it('touches nothing of another person, nor of another tenant, and does not say that it is there', async () => {
    const { agent } = await reach(scene.app)
    const mine = await scene.signIn(stage.ours)
    const neighbour = await scene.signIn(stage.ours)
    const foreigner = await scene.signIn(stage.theirs)
    const client = await scene.client(stage.ours)
    const theirs = await scene.client(stage.theirs)
    const safe = [await neighbour.grant(client), await foreigner.grant(theirs)]
    const nothing = '00000000-0000-0000-0000-000000000000'
    const answers = new Set<string>()
    for (const session of [neighbour.session, foreigner.session, nothing, 'x', '../x', "'"]) {
      const { status, headers, text } = await act(agent, mine, { action: 'end_session', session })
      answers.add(`${status} ${headers['location']} ${text}`)
    }
    for (const id of [client.id, theirs.id, 'nobody', '__proto__']) {
      const { status, headers, text } = await act(agent, mine, { action: 'end_access', client: id })
      answers.add(`${status} ${headers['location']} ${text}`)
    }
    expect([...answers]).toEqual(['303 /account?notice=session_ended ', '303 /account?notice=access_ended '])
    await act(agent, mine, { action: 'sign_out_others', user: neighbour.world.user.id, tenant: stage.theirs.tenant.id })
    expect(await Promise.all([mine, neighbour, foreigner].map(({ isLive }) => isLive()))).toEqual([true, true, true])
    expect(await Promise.all(safe.map(stateOf))).toEqual(['live', 'live'])
    // The cookie of one tenant opens no account of another.
    const crossed = await agent.get(`/t/${stage.theirs.tenant.slug}/account`).set('cookie', mine.cookie).expect(303)
    expect(crossed.headers['location']).toContain('/sign-in/')
  })

  it('takes a form from its own page alone, and only what there is to do', async () => {
    const { agent } = await reach(scene.app)
    const mine = await scene.signIn(stage.ours)
    const other = await scene.signIn(stage.ours, { user: mine.world.user })
    const everywhere = { action: 'sign_out_others' }
    const statuses = [
      await act(agent, mine, { ...everywhere, csrf: 'x' }),
      await act(agent, mine, everywhere, { origin: 'https://evil.example' }),
      await act(agent, mine, everywhere, { 'sec-fetch-site': 'cross-site' }),
      await act(agent, mine, everywhere, { cookie: '' }),
      await act(agent, mine, everywhere, { cookie: other.cookie }),
    ].map(({ status }) => status)
    expect(statuses).toEqual([403, 403, 403, 403, 403])
    for (const form of [
      {},
      { action: 'delete' },
      { action: 'constructor' },
      { action: 'end_session' },
      { action: 'end_access' },
    ] as Form[]) {
      expect((await act(agent, mine, form)).status).toBe(400)
    }
    await show(agent, mine, `?action=sign_out_others&session=${other.session}`).expect(200)
    expect([await mine.isLive(), await other.isLive()]).toEqual([true, true])
  })
})
