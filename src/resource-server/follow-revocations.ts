import { createRevocationFeed } from './revocation-feed.js'
import type { FollowRevocations } from './revocation-source.js'

/** Follows the feed where the server has one and the API may read it; else status lists, which anybody may. */
export const followRevocations: FollowRevocations = ({ feed }, { credentials, ...ports }) => {
  if (!feed || !credentials) throw new Error('status list')
  return createRevocationFeed({ ...ports, credentials, metadata: async () => ({ feed }) })
}
