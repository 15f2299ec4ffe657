/**
 * The first of `offered` that the caller takes, RFC 9110 §12.5.3; `identity` where it takes none of them, for an answer nobody can
 * refuse is better than none.
 */
export function chooseCoding<T extends string>(acceptEncoding: unknown, offered: readonly T[]): T | 'identity' {
  if (typeof acceptEncoding !== 'string') return 'identity'
  const weights = new Map(acceptEncoding.split(',').map(weighted))
  const weightOf = (coding: string) => weights.get(coding) ?? weights.get('*') ?? 0
  return offered.find((coding) => weightOf(coding) > 0) ?? 'identity'
}

function weighted(text: string): [coding: string, weight: number] {
  const [coding = '', ...parameters] = text.split(';').map((part) => part.trim().toLowerCase())
  const q = parameters.find((parameter) => parameter.startsWith('q='))
  const weight = q === undefined ? 1 : Number(q.slice(2))
  return [coding, Number.isFinite(weight) ? weight : 0]
}
