import { findClient } from './client.js'
import { command } from './command.js'
import { UsageError } from './errors.js'
import { PAGE, uuidPage } from './listing.js'
import { listing } from './output.js'
import { userNamed } from './user.js'

export const grantCommands = {
  list: command({
    summary: 'Lists what users gave clients, the newest first.',
    options: {
      user: { value: 'E', help: 'Those of a user, by e-mail address or id.' },
      client: { value: 'ID', help: 'Those of a client.' },
      all: { help: 'The ended ones too.' },
      ...PAGE,
    },
    check(given) {
      uuidPage(given)
      if (given.user === undefined && given.client === undefined) throw new UsageError('Give --user, --client or both.')
    },
    async run(context, given) {
      const user = given.user === undefined ? undefined : (await userNamed(context, given.user)).id
      const client = given.client === undefined ? undefined : (await findClient(context, given.client)).id
      const query = { user, client, ended: given.all ?? false, ...uuidPage(given) }
      const { items, next } = await context.grants.list((await context.tenant()).id, query)
      const shown = items.map((grant) => ({
        grant_id: grant.id,
        user_id: grant.user,
        email: grant.email,
        client_id: grant.client,
        session_id: grant.session,
        scope: grant.scope,
        apis: grant.apis,
        state: grant.state,
        created_at: grant.createdAt,
        refreshed_at: grant.refreshedAt,
        expires_at: grant.expiresAt,
      }))
      return listing('grants', { items: shown, next }, [
        'grant_id',
        'email',
        'client_id',
        'scope',
        'state',
        'refreshed_at',
      ])
    },
  }),
}
