import type { Pool } from 'pg'
import type { Apis, Clients, Tenants } from '../oauth/ports.js'
import { createApis } from './apis.js'
import { createClients } from './clients.js'
import { createTenants } from './tenants.js'
import type { RememberingView } from './view.js'

/** What an operator registers, as far as the view remembers it. `publicUrl`: an origin; `grace`: seconds. */
export function createDirectory(dependencies: {
  pool: Pick<Pool, 'query'>
  view: Pick<RememberingView, 'remember'>
  publicUrl: string
  grace: number
}): { tenants: Tenants; clients: Clients; apis: Apis } {
  return {
    tenants: createTenants(dependencies),
    clients: createClients(dependencies),
    apis: createApis(dependencies),
  }
}
