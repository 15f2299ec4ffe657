/** There is no room to remember another proof; to forget a live one would let it be used again. */
export class ProofMemoryFull extends Error {
  override readonly name = 'ProofMemoryFull'
}

const CAPACITY = 200_000
const FREED_PER_CALL = 8

/**
 * Remembers used proofs in this process, each until its time is over. Answers false for one that was used before, throws ProofMemoryFull
 * when all the room holds live ones. Every call frees a few dead ones, so none pays for all. RFC 9449 §11.1.
 */
export function createProofMemory(
  now: () => number,
  capacity = CAPACITY,
): (proofId: string, expiresAt: number) => boolean {
  const used = new Set<string>()
  // By the second in which they end, in the order in which the first of each second came.
  const ending = new Map<number, string[]>()

  function freeSome(seconds: number): void {
    let left = FREED_PER_CALL
    for (const [second, proofIds] of ending) {
      if (second >= seconds) return
      for (let proofId = proofIds.pop(); proofId !== undefined; proofId = proofIds.pop()) {
        used.delete(proofId)
        if (--left === 0) return
      }
      ending.delete(second)
    }
  }

  return (proofId, expiresAt) => {
    freeSome(Math.floor(now()))
    if (used.has(proofId)) return false
    if (used.size >= capacity) throw new ProofMemoryFull(`${capacity} proofs are in use.`)
    const second = Math.floor(expiresAt)
    used.add(proofId)
    const others = ending.get(second)
    if (others) others.push(proofId)
    else ending.set(second, [proofId])
    return true
  }
}
