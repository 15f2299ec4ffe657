import { afterAll, beforeAll, expect, it } from 'vitest'
import { CALLBACK, endingsApp, formOf, logout, type Query, type SignedIn } from '../support/endings-app.js'
import { type Stage, setStage } from '../support/fixtures.js'
import { type Agent, overBothTransports } from '../support/http.js'

let stage: Stage
let scene: ReturnType<typeof endingsApp>
beforeAll(async () => {
  stage = await setStage()
  scene = endingsApp(stage)
})
afterAll(() => stage.close())

overBothTransports('POST /sign-out/{id}', (reach) => {
  type Answer = Query & { decision?: string }
  type Asked = { agent: Agent; signedIn: SignedIn; action: string; csrf: string }

  async function asked(agent: Agent, query: Query = {}): Promise<Asked> {
    const signedIn = await scene.signIn(stage.ours)
    const { text } = await logout(agent, query, signedIn.cookie).expect(200)
    return { agent, signedIn, ...formOf(text) }
  }
  const answer = ({ agent, signedIn, action, csrf }: Asked, form: Answer = {}, headers: Query = {}) =>
    agent
      .post(action)
      .type('form')
      .set({ cookie: signedIn.cookie, origin: 'https://id.example.com', 'sec-fetch-site': 'same-origin', ...headers })
      .send(new URLSearchParams({ csrf, decision: 'sign_out', ...form }).toString())

  it('signs out who says so, and goes where the client that was named asked to, with its state', async () => {
    const { agent } = await reach(scene.app)
    const client = await scene.client(stage.ours)
    const question = await asked(agent, { client_id: client.id, post_logout_redirect_uri: CALLBACK, state: 's' })
    // What the form says beyond the answer is not read.
    const smuggled = { post_logout_redirect_uri: 'https://evil.example', state: 'evil', client_id: 'evil' }
    const { headers } = await answer(question, smuggled).expect(303)
    expect(headers['location']).toBe(`${CALLBACK}?state=s`)
    expect(String(headers['set-cookie'])).toMatch(/=[A-Za-z0-9_-]{22};/)
    expect(await question.signedIn.isLive()).toBe(false)
  })

  it('says that the person is signed out where nobody is to be gone back to', async () => {
    const { agent } = await reach(scene.app)
    const question = await asked(agent, { post_logout_redirect_uri: CALLBACK, state: 's' })
    const { text } = await answer(question).expect(200)
    expect(text).toContain('You’re signed out')
    expect(text).not.toContain(CALLBACK)
    expect(await question.signedIn.isLive()).toBe(false)
  })

  it('leaves who stays signed in, and goes nowhere else', async () => {
    const { agent } = await reach(scene.app)
    const client = await scene.client(stage.ours)
    const question = await asked(agent, { client_id: client.id, post_logout_redirect_uri: CALLBACK })
    expect((await answer(question, { decision: 'stay' }).expect(303)).headers['location']).toBe('/account')
    expect(await question.signedIn.isLive()).toBe(true)
  })

  it('takes an answer from the page it asked on alone', async () => {
    const { agent } = await reach(scene.app)
    const question = await asked(agent)
    const other = await asked(agent)
    const { csrf: ofAccount } = formOf((await agent.get('/account').set('cookie', question.signedIn.cookie)).text)
    await answer(question, { csrf: '' }).expect(403)
    await answer(question, { csrf: other.csrf }).expect(403)
    await answer(question, { csrf: ofAccount }).expect(403)
    await answer(question, {}, { origin: 'https://evil.example' }).expect(403)
    await answer(question, {}, { 'sec-fetch-site': 'cross-site' }).expect(403)
    await answer(question, {}, { 'sec-fetch-site': 'same-site' }).expect(403)
    await answer(question, {}, { cookie: '' }).expect(403)
    await answer(question, {}, { cookie: other.signedIn.cookie }).expect(403)
    await answer(question, { decision: 'else' }).expect(400)
    await agent.get(question.action).set('cookie', question.signedIn.cookie).expect(405)
    expect(await question.signedIn.isLive()).toBe(true)
    await answer(question).expect(200)
    expect(await other.signedIn.isLive()).toBe(true)
  })

  it('counts the first answer, and none that comes too late', async () => {
    const { agent } = await reach(scene.app)
    const question = await asked(agent)
    const answers = await Promise.all([answer(question), answer(question), answer(question)])
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 400, 400])
    const late = await asked(agent)
    await stage.pool.query("UPDATE sign_in_states SET expires_at = now() - interval '1 second'")
    expect((await answer(late).expect(400)).text).toContain('This page has expired')
    expect(await late.signedIn.isLive()).toBe(true)
  })
})
