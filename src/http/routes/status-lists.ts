import type { Coding, StatusListToken } from '../../revocation/status-list.js'
import type { StatusLists } from '../../revocation/status-lists.js'
import { STATUS_LIST_TYPE } from '../../wire/status-list.js'
import { chooseCoding, parseAccept, quality } from '../accept.js'
import { cacheable } from '../caching.js'
import { notAcceptable, notFound, notImplemented } from '../errors.js'
import { queryParams } from '../form.js'
import type { Handler, HttpResponse } from '../handler.js'
import { type IssuerRoute, itemOf } from '../route.js'

export type StatusListDeps = { readonly statusLists: StatusLists }

/**
 * Seconds a cache between may keep a list: with the `ttl` in the list, what its readers' bound is made of. They prefer the `ttl`,
 * draft-ietf-oauth-status-list §8.2.
 */
const MAX_AGE = 1

const MEDIA_TYPE = `application/${STATUS_LIST_TYPE}`
const CODINGS: readonly Coding[] = ['br', 'gzip']

// A state of a list has one answer a coding, with its ETag, made once.
const answers = new WeakMap<StatusListToken, Map<Coding, HttpResponse>>()

/** GET /status-lists/<id>: a Status List Token, for whoever was shown its address. draft-ietf-oauth-status-list §8.1. */
export const statusList: Handler<StatusListDeps> = async (request, { statusLists }) => {
  // draft-ietf-oauth-status-list §8.4: 501. What a token's status was at another time is nobody's business, §12.7.
  if (queryParams(request).get('time') !== undefined) throw notImplemented('status_list_of_another_time')
  // draft-ietf-oauth-status-list §8.1: there is no CWT here.
  if (quality(parseAccept(request.headers.accept), MEDIA_TYPE) === 0) {
    throw notAcceptable(`A status list is ${MEDIA_TYPE} here.`, 'status_list_of_another_type')
  }
  const listId = itemOf(request)
  const token = await statusLists.token(request.tenant, listId)
  if (!token) throw notFound('no_such_status_list')
  const coding = chooseCoding(request.headers['accept-encoding']?.toString(), CODINGS)
  const made = answers.get(token) ?? new Map<Coding, HttpResponse>()
  answers.set(token, made)
  const answer = made.get(coding) ?? (await answerOf(token, coding))
  made.set(coding, answer)
  return answer
}

async function answerOf(token: StatusListToken, coding: Coding): Promise<HttpResponse> {
  const body = coding === 'identity' ? Buffer.from(token.jws) : await token.coded(coding)
  const { headers, ...answer } = cacheable(body, MEDIA_TYPE, MAX_AGE)
  const coded = coding === 'identity' ? {} : { 'content-encoding': coding }
  return { ...answer, fixed: true, headers: { ...headers, ...coded, vary: 'accept, accept-encoding' } }
}

/** GET /status-lists: where the tenant's lists are. draft-ietf-oauth-status-list §9.3. */
export const statusListAggregation: Handler<StatusListDeps> = async ({ tenant }, { statusLists }) =>
  cacheable(JSON.stringify({ status_lists: await statusLists.uris(tenant) }), 'application/json', MAX_AGE)

export const statusListRoute: IssuerRoute<StatusListDeps> = {
  name: 'status_list',
  path: '/status-lists/',
  item: /^[\w-]{22}$/,
  cors: 'any',
  shared: true,
  methods: { GET: statusList },
}

export const statusListAggregationRoute: IssuerRoute<StatusListDeps> = {
  name: 'status_lists',
  path: '/status-lists',
  cors: 'any',
  shared: true,
  methods: { GET: statusListAggregation },
}
