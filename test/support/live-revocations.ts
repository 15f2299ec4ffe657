import type { FollowRevocations } from '../../src/resource-server/revocation-source.js'

/** Nothing was ever revoked, and that is known. */
export const liveRevocations: FollowRevocations = () => ({
  judge: () => 'live',
  isKeyRevoked: () => false,
  attempted: Promise.resolve(),
  status: () => ({ source: 'feed', age: 0, bound: 5, entries: 0 }),
  close: () => {},
})
