import { ACME, DEFAULT_TENANT } from './app.js'
import type { BrowserBench, Party } from './browser-bench.js'
import { createBrowserWorld } from './browser-ports.js'
import { createWorld } from './ports.js'

/** A world of its own, in memory. Its clock stands still but for `pass`. */
export async function memoryBench(): Promise<BrowserBench> {
  const world = createWorld()
  const browsers = createBrowserWorld(world)
  const party = (tenant = DEFAULT_TENANT): Party => {
    const apis = [world.addApi({ tenant }).id, world.addApi({ tenant }).id]
    const client = world.addClient({ tenant, apis })
    const user = browsers.addUser(tenant.id)
    return { tenantId: tenant.id, userId: user.id, username: user.username, clientId: client.id, apis }
  }
  const [ours, theirs] = [party(), party(ACME)]
  return {
    ports: { ...browsers.ports, grants: world.ports.grants },
    ours,
    theirs,
    pass: async (seconds) => world.advance(seconds),
    async disable(what, { tenantId, userId, clientId }) {
      if (what === 'user') world.disableUser(userId)
      const tenant = world.tenant(tenantId)
      if (what === 'tenant' && tenant) world.disableTenant(tenant)
      const client = await world.ports.clients.find(tenantId, clientId)
      if (what === 'client' && client) world.update(client, { disabled: true })
    },
    async disableApi({ tenantId }, id) {
      const api = await world.ports.apis.find(tenantId, id)
      if (api) world.update(api, { disabled: true })
    },
    changePassword: ({ tenantId, userId }) => browsers.changePassword(tenantId, userId),
    endSession: ({ tenantId }, id) => browsers.endSession(tenantId, id),
    audited: async ({ tenantId }) => browsers.audited(tenantId),
  }
}
