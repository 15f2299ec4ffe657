// The least that oidc-provider's store can be: every method is one step, whatever there is. Nothing expires while a benchmark lasts; the
// oldest go when there are many.

const MAX = 200_000

const records = new Map()
const membersOf = new Map()

/** The adapter of one of oidc-provider's models. */
export const memory = (model) => {
  const key = (id) => `${model}:${id}`
  return {
    async upsert(id, payload) {
      records.set(key(id), payload)
      if (records.size > MAX) records.delete(records.keys().next().value)
      if (payload.grantId === undefined) return
      const members = membersOf.get(payload.grantId)
      if (members) members.push(key(id))
      else membersOf.set(payload.grantId, [key(id)])
    },
    find: async (id) => records.get(key(id)),
    async consume(id) {
      records.get(key(id)).consumed = Math.floor(Date.now() / 1000)
    },
    async destroy(id) {
      records.delete(key(id))
    },
    async revokeByGrantId(grantId) {
      for (const member of membersOf.get(grantId) ?? []) records.delete(member)
      membersOf.delete(grantId)
    },
    findByUid: async () => undefined,
    findByUserCode: async () => undefined,
  }
}
