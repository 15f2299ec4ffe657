// How an ECDSA signature on P-256 is written: R and S of 32 bytes each in a JWS (RFC 7518 §3.4), an ASN.1 sequence of two integers in
// OpenSSL (RFC 3279 §2.2.3). Node converts one into the other when told to, which from Node 24 on takes as long as half a signature.

const HALF = 32
const SEQUENCE = 0x30
const INTEGER = 0x02
/** Tag, length and the longest content of an integer: one byte more than it has where that would be its sign. X.690 §8.3.3. */
const MAX_INTEGER = 2 + 1 + HALF

/** R and S, 64 bytes, of a signature that OpenSSL has just made. Throws RangeError for what is none on P-256. */
export function rawFromDer(der: Buffer): Buffer {
  const raw = Buffer.alloc(2 * HALF)
  const middle = copyInteger(der, 2, raw.subarray(0, HALF))
  const end = middle && copyInteger(der, middle, raw.subarray(HALF))
  if (der[0] !== SEQUENCE || der[1] !== der.length - 2 || end !== der.length) {
    throw new RangeError('Not an ECDSA signature on P-256.')
  }
  return raw
}

/** Where the integer at `start` ends; undefined when there is none or it doesn't fit. */
function copyInteger(der: Buffer, start: number, half: Buffer): number | undefined {
  const end = start + 2 + (der[start + 1] ?? 0)
  // A zero byte in front keeps the number positive.
  const first = der[start + 2] === 0 ? start + 3 : start + 2
  if (der[start] !== INTEGER || end > der.length || end - first > HALF) return undefined
  half.set(der.subarray(first, end), HALF - (end - first))
  return end
}

/** The sequence of R and S, given as 64 bytes; whether they are any signature is for OpenSSL to say. */
export function derFromRaw(raw: Uint8Array): Buffer {
  const der = Buffer.allocUnsafe(2 + 2 * MAX_INTEGER)
  let end = 2
  for (const start of [0, HALF]) {
    // X.690 §8.3.2: in the fewest bytes that tell it from a negative number.
    let first = start
    while (first < start + HALF - 1 && raw[first] === 0) first += 1
    const isHigh = (raw[first] ?? 0) > 0x7f
    const length = start + HALF - first + (isHigh ? 1 : 0)
    der[end++] = INTEGER
    der[end++] = length
    if (isHigh) der[end++] = 0
    der.set(raw.subarray(first, start + HALF), end)
    end += start + HALF - first
  }
  der[0] = SEQUENCE
  der[1] = end - 2
  return der.subarray(0, end)
}
