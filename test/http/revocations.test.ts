import { expect, it } from 'vitest'
import { ACME, DEFAULT_TENANT } from '../support/app.js'
import { type Agent, overBothTransports } from '../support/http.js'
import { basic, oauthApp } from '../support/oauth-app.js'

type By = { readonly id: string; readonly secret: string }

const get = (agent: Agent, by: By, path = '/revocations') => agent.get(path).set('authorization', basic(by))
// superagent knows the type of a list for nothing it could read.
const list: typeof get = (...asked) => get(...asked).responseType('blob')
/** Header and payload of a list. */
const read = (body: Buffer) => {
  const parts = body.toString().split('.').slice(0, 2)
  return parts.map((part) => JSON.parse(Buffer.from(part, 'base64url').toString()))
}

overBothTransports('GET /revocations', (reach) => {
  it('gives an API the signed list of its tenant', async () => {
    const { app, api } = oauthApp()
    const { agent } = await reach(app)
    const { body, headers } = await list(agent, api).expect(200)
    const [header, payload] = read(body)
    expect(header.typ).toBe('revocations+jwt')
    expect(payload).toMatchObject({ iss: DEFAULT_TENANT.issuer, max_staleness: 5, revision: 1000, entries: [] })
    expect(headers['content-type']).toBe('application/revocations+jwt')
    expect(headers['cache-control']).toBe('no-store')
  })

  it('gives what came after a cursor, and says so', async () => {
    const { app, api } = oauthApp()
    const { agent } = await reach(app)
    const [, { cursor }] = read((await list(agent, api).expect(200)).body)
    const path = `/revocations?since=${cursor}`
    const [, payload] = read((await list(agent, api, path).expect(200)).body)
    expect(payload).toMatchObject({ since: cursor, cursor })
  })

  it.each(['nonsense', '__proto__', 'id-of-acme.1', '%00', '%22'])('answers 410 to the cursor %s', async (since) => {
    const { app, api } = oauthApp()
    const { agent } = await reach(app)
    const { status, body, headers } = await get(agent, api, `/revocations?since=${since}`)
    expect(since === '%00' ? 400 : 410).toBe(status)
    if (status === 410) expect(body).toEqual({ error: 'reset' })
    expect(headers['cache-control']).toBe('no-store')
  })

  it('gives each API the list of its own tenant only', async () => {
    const { app, world, api } = oauthApp()
    const { agent } = await reach(app)
    const foreign = world.addApi({ tenant: ACME })
    const { body } = await list(agent, foreign, '/t/acme/revocations').expect(200)
    expect(read(body)[1].iss).toBe(ACME.issuer)
    await get(agent, foreign).expect(401)
    await get(agent, api, '/t/acme/revocations').expect(401)
  })

  it('is for APIs with their credentials alone', async () => {
    const { app, world, api, client } = oauthApp()
    const { agent } = await reach(app)
    const { headers } = await agent.get('/revocations').expect(401)
    expect(headers['www-authenticate']).toBe('Basic realm="oauth2"')
    await get(agent, client).expect(401)
    await get(agent, { ...api, secret: 'wrong' }).expect(401)
    await agent.get(`/revocations?client_id=${api.id}&client_secret=${api.secret}`).expect(401)
    expect(app.output()).not.toContain(api.secret)
    world.update(api, { disabled: true })
    await get(agent, api).expect(401)
  })

  it('notes which keys the API says it holds, with a cursor and without', async () => {
    const { app, world, api } = oauthApp()
    const { agent } = await reach(app)
    await list(agent, api).expect(200)
    expect(world.told).toEqual([])
    const told = (kid: string) => `${DEFAULT_TENANT.id} ${api.id} ${kid}`
    const [, { cursor }] = read((await list(agent, api, '/revocations?kid=one&kid=two&kid=one').expect(200)).body)
    expect(world.told).toEqual([told('one'), told('two')])
    await list(agent, api, `/revocations?since=${cursor}&kid=three&kid=${'x'.repeat(500)}`).expect(200)
    expect(world.told.slice(2)).toEqual([told('three')])
    await get(agent, api, '/revocations?since=nonsense&kid=four').expect(410)
    expect(world.told.slice(3)).toEqual([told('four')])
  })

  it('notes nothing of who has no credentials, and marks no other API', async () => {
    const { app, world, api, client } = oauthApp()
    const { agent } = await reach(app)
    await agent.get('/revocations?kid=one').expect(401)
    await get(agent, client, '/revocations?kid=one').expect(401)
    await get(agent, { ...api, secret: 'wrong' }, '/revocations?kid=one').expect(401)
    const foreign = world.addApi({ tenant: ACME })
    await get(agent, foreign, '/revocations?kid=one').expect(401)
    expect(world.told).toEqual([])
  })

  it('gives the list all the same when the keys can’t be noted', async () => {
    const { app, world, api } = oauthApp()
    world.loseKnownKeys()
    const { agent } = await reach(app)
    await list(agent, api, '/revocations?kid=one').expect(200)
  })

  it('takes one cursor by GET', async () => {
    const { app, api } = oauthApp()
    const { agent } = await reach(app)
    await get(agent, api, '/revocations?since=a&since=b').expect(400)
    await agent.post('/revocations').set('authorization', basic(api)).expect(405)
  })
})
