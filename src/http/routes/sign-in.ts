import { allow, deny, type Progress } from '../../accounts/authorization.js'
import { type SignInBrowser, signInBrowser } from '../../accounts/browser-sign-in.js'
import type { Flow } from '../../accounts/flow.js'
import { OAuthError } from '../../oauth/errors.js'
import type { Params } from '../../oauth/params.js'
import { answerClient } from '../authorization-answer.js'
import { assertOwnSite, isOwnForm, rememberBrowser } from '../browser.js'
import { clientActor, userActor } from '../caller.js'
import { addressKey } from '../client-address.js'
import {
  changeFlow,
  claimOf,
  type FlowDeps,
  type OpenFlow,
  openFlow,
  pathOf,
  type Standing,
  standingOf,
} from '../flow.js'
import { askPerson, type Problem } from '../flow-pages.js'
import { formParams } from '../form.js'
import type { Handler, HttpRequest, HttpResponse } from '../handler.js'
import type { IssuerRoute } from '../route.js'
import { seeOther, tenantPath } from '../see-other.js'

export type SignInDeps = FlowDeps & Parameters<typeof signInBrowser>[2]

/** GET /sign-in/<flow>: what a person is asked next, or back to where they came from. */
const get: Handler<SignInDeps> = async (request, deps) => {
  const opened = await openFlow(request, deps)
  return show(request, opened, await standingOf(request, opened, deps))
}

/** POST /sign-in/<flow>: what a person answered. */
const post: Handler<SignInDeps> = async (request, deps) => {
  const params = formParams(request)
  const opened = await openFlow(request, deps)
  assertOwnSite(request)
  // Not answered, but shown anew: in another tab somebody may have signed in since, and nothing be left to ask.
  const proof = { purpose: opened.id, token: params.get('csrf') }
  if (!isOwnForm(opened.browser, proof)) return seeOther(pathOf(request, opened))
  // Who says no has said it, whatever another tab has allowed meanwhile.
  if (isRefusal(params)) return refuse(request, opened, deps)
  const standing = await standingOf(request, opened, deps)
  if (!('need' in standing)) return show(request, opened, standing)
  return answer(request, { opened, params, standing }, deps)
}

const isRefusal = (params: Params) => ['cancel', 'deny'].includes(params.get('decision') ?? '')

type Answered = {
  readonly opened: OpenFlow
  readonly params: Params
  readonly standing: Extract<Progress, { need: unknown }>
}

/** The one dispatcher: what an answer means to the question that stands. What answers another one is asked again. */
function answer(request: HttpRequest, answered: Answered, deps: SignInDeps): Promise<HttpResponse> {
  const { opened, params, standing } = answered
  const { flow, session } = opened
  const said = params.get('decision') ?? params.get('account')
  switch (`${standing.need} ${said}`) {
    case 'sign_in sign_in':
      return signIn(request, answered, deps)
    case 'consent allow':
      return consent(request, opened, deps)
    case 'select_account current':
      return changeFlow(request, { opened, to: { ...flow, account: session && { current: session.id } } }, deps)
    case 'sign_in switch':
    case 'consent switch':
    case 'select_account other':
      // Whoever signed in here before does not count any more.
      return changeFlow(request, { opened, to: { ...flow, account: 'other', session: undefined } }, deps)
    default:
      return Promise.resolve(seeOther(pathOf(request, opened)))
  }
}

async function signIn(request: HttpRequest, { opened, params, standing }: Answered, deps: SignInDeps) {
  const { tenant } = request
  const { flow, to, browser, session } = opened
  const given = { username: params.get('username'), password: params.get('password') }
  const context = {
    tenant,
    client: to?.client,
    apis: flow.purpose === 'authorize' ? flow.request.apis : [],
    address: addressKey(request.address),
    by: clientActor(request, { id: to?.client.id ?? 'account' }),
  }
  const here: SignInBrowser = { session, userAgent: request.headers['user-agent'] }
  const ask = (problem: Problem) => askPerson(request, { opened, ...standing, problem })
  try {
    const signedIn = await signInBrowser({ answer: given, browser: here }, context, deps)
    if ('need' in signedIn) return ask({ username: given.username })
    const next: Flow = { ...flow, session: signedIn.session }
    const headers = rememberBrowser(tenant, { id: browser.id, session: signedIn.token })
    return await changeFlow(request, { opened, to: next, headers }, deps)
  } catch (error) {
    const problem = problemOf(error)
    if (!problem) throw error
    return ask({ ...problem, username: given.username })
  }
}

/** What the page says of a refusal that a person can do something about; undefined for any other. */
function problemOf(error: unknown): Problem | undefined {
  if (!(error instanceof OAuthError)) return undefined
  const retryAfter = Number(error.headers['retry-after'] ?? 0)
  if (error.code === 'invalid_grant') return { error: 'credentials', status: 400 }
  if (error.code === 'too_many_requests') return { error: 'throttled', status: 429, retryAfter }
  if (error.code === 'temporarily_unavailable') return { error: 'busy', status: 503, retryAfter }
  return error.reason.startsWith('password_') ? { error: 'too_long', status: 400 } : undefined
}

async function refuse(request: HttpRequest, opened: OpenFlow, deps: SignInDeps): Promise<HttpResponse> {
  const { flow, to } = opened
  if (!to || flow.purpose !== 'authorize') return seeOther(pathOf(request, opened))
  return show(request, opened, await deny({ to, flow }, claimOf(request, opened, deps), deps))
}

async function consent(request: HttpRequest, opened: OpenFlow, deps: SignInDeps): Promise<HttpResponse> {
  const { flow, to, session } = opened
  if (!to || !session || flow.purpose !== 'authorize') return seeOther(pathOf(request, opened))
  const by = userActor(request, session.user)
  return show(request, opened, await allow({ to, flow, session, by }, claimOf(request, opened, deps), deps))
}

function show(request: HttpRequest, opened: OpenFlow, standing: Standing): HttpResponse {
  if ('arrived' in standing) return seeOther(tenantPath(request.tenant, '/account'))
  if ('need' in standing) return askPerson(request, { opened, ...standing })
  if (!opened.to) throw new Error('A flow without a client has nobody to answer.')
  return answerClient(request, opened.to, standing.response)
}

export const signInRoute: IssuerRoute<SignInDeps> = {
  name: 'sign_in',
  path: '/sign-in/',
  item: /^[A-Za-z0-9_-]{22}$/,
  body: 'form',
  answers: 'page',
  methods: { GET: get, POST: post },
}
