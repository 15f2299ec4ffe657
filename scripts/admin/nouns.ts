import { apiCommands } from './api.js'
import { auditCommands } from './audit.js'
import { clientCommands } from './client.js'
import type { Command } from './command.js'
import { grantCommands } from './grant.js'
import { keyCommands } from './key.js'
import { revokeCommand } from './revoke.js'
import { sessionCommands } from './session.js'
import { tenantCommands } from './tenant.js'
import { userCommands } from './user.js'

export type Noun = Command | { readonly summary: string; readonly verbs: Readonly<Record<string, Command>> }

/** Every command there is. */
export const NOUNS: Readonly<Record<string, Noun>> = {
  user: { summary: 'The people who sign in.', verbs: userCommands },
  client: { summary: 'The applications that ask for tokens.', verbs: clientCommands },
  api: { summary: 'The resources that tokens are for.', verbs: apiCommands },
  grant: { summary: 'What users gave clients.', verbs: grantCommands },
  session: { summary: 'The browsers that users are signed in with.', verbs: sessionCommands },
  revoke: revokeCommand,
  key: { summary: 'The keys that sign, seal and derive.', verbs: keyCommands },
  tenant: { summary: 'Issuers with users, clients, APIs and keys of their own.', verbs: tenantCommands },
  audit: { summary: 'The audit trail.', verbs: auditCommands },
}
