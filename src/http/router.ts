import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import type { Express } from 'express'
import { createExpressApp } from './express-app.js'
import { target } from './request.js'
import { type Route, routeMatcher } from './route.js'
import { type ServeContext, server } from './serve.js'

/** Answers a request that has a route, and says whether it has one. */
export type Dispatch = (req: IncomingMessage, res: ServerResponse) => boolean

/** The table of routes as one function over Node's own request and response. */
export function dispatcher<Deps>(routes: readonly Route<Deps>[], context: ServeContext<Deps>): Dispatch {
  const find = routeMatcher(routes)
  const serve = server(context)
  return (req, res) => {
    const match = find(target(req.url ?? '').path)
    if (match) serve(match, req, res)
    return match !== undefined
  }
}

export interface App {
  /** Complete by itself; what tests and embedders use. */
  readonly express: Express
  /** The same endpoints with the plain ones in front; what the server listens with. */
  readonly listener: RequestListener
}

/**
 * A table of routes, reached two ways. Express sets the prototypes of every request it sees, which costs a bare server two
 * thirds of what it can do, so the listener asks it only for what is not in the table.
 */
export function assemble<Deps>(routes: readonly Route<Deps>[], context: ServeContext<Deps>): App {
  const dispatch = dispatcher(routes, context)
  const express = createExpressApp((req, res, next) => {
    if (!dispatch(req, res)) next()
  }, context)
  const listener: RequestListener = (req, res) => {
    if (!dispatch(req, res)) express(req, res)
  }
  return { express, listener }
}
