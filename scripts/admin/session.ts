import { command } from './command.js'
import { PAGE, uuidPage } from './listing.js'
import { listing } from './output.js'
import { userNamed } from './user.js'

export const sessionCommands = {
  list: command({
    summary: 'Lists the browser sessions of a user, the newest first.',
    options: {
      user: { value: 'E', required: true, help: 'The user, by e-mail address or id.' },
      all: { help: 'The ended ones too.' },
      ...PAGE,
    },
    check: (given) => void uuidPage(given),
    async run(context, given) {
      const { id: user } = await userNamed(context, given.user)
      const query = { user, ended: given.all ?? false, ...uuidPage(given) }
      const { items, next } = await context.sessions.list((await context.tenant()).id, query)
      const shown = items.map((session) => ({
        session_id: session.id,
        user_id: session.user,
        state: session.state,
        amr: session.amr,
        user_agent: session.userAgent,
        address: session.address,
        auth_time: session.authTime,
        used_at: session.usedAt,
        created_at: session.createdAt,
        expires_at: session.expiresAt,
      }))
      return listing('sessions', { items: shown, next }, [
        'session_id',
        'state',
        'amr',
        'auth_time',
        'used_at',
        'expires_at',
        'address',
        'user_agent',
      ])
    },
  }),
}
