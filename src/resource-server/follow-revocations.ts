import { createRevocationFeed } from './revocation-feed.js'
import type { FollowRevocations } from './revocation-source.js'
import { createStatusListReader } from './status-list-reader.js'

/** Follows the feed where the server has one and the API may read it; else reads status lists, which anybody may. */
export const followRevocations: FollowRevocations = ({ feed }, { credentials, ...ports }) =>
  feed && credentials ? createRevocationFeed({ ...ports, credentials, feed }) : createStatusListReader(ports)
