import { RegistrationError } from './registration-error.js'

const MAX_BYTES = 262_144
const MAX_PIXELS = 4096

/** A picture that browsers take for nothing else. Never SVG, which is a document with scripts. */
export type Logo = { readonly contentType: 'image/png' | 'image/jpeg' | 'image/webp'; readonly bytes: Uint8Array }

type Size = { readonly width: number; readonly height: number }

/** A logo by what is in the file, whatever it is called: PNG, JPEG or WebP, at most 256 KiB. Throws RegistrationError. */
export function parseLogo(bytes: Uint8Array): Logo {
  if (bytes.length > MAX_BYTES) throw new RegistrationError('logo', 'must have at most 256 KiB')
  const file = Buffer.from(bytes)
  for (const [contentType, sizeOf] of FORMATS) {
    const size = sizeOf(file)
    if (!size) continue
    const { width, height } = size
    if (Math.min(width, height) < 1 || Math.max(width, height) > MAX_PIXELS) {
      throw new RegistrationError('logo', `must be 1 to ${MAX_PIXELS} pixels wide and high`)
    }
    return { contentType, bytes }
  }
  throw new RegistrationError('logo', 'must be a PNG, JPEG or WebP file')
}

const FORMATS: readonly (readonly [Logo['contentType'], (file: Buffer) => Size | undefined])[] = [
  ['image/png', pngSize],
  ['image/jpeg', jpegSize],
  ['image/webp', webpSize],
]

const PNG = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 13, 0x49, 0x48, 0x44, 0x52])

/** RFC 2083 §3.1, §4.1.1: the signature, and the header chunk that comes first. */
function pngSize(file: Buffer): Size | undefined {
  if (file.length < 33 || !file.subarray(0, PNG.length).equals(PNG)) return undefined
  return { width: file.readUInt32BE(16), height: file.readUInt32BE(20) }
}

/** ITU T.81 §B.2.2: segments, one of which starts the frame. */
function jpegSize(file: Buffer): Size | undefined {
  if (file.length < 4 || file.readUInt16BE(0) !== 0xffd8) return undefined
  let at = 2
  while (at + 9 <= file.length && file[at] === 0xff) {
    const marker = file[at + 1] ?? 0
    const isFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)
    if (isFrame) return { height: file.readUInt16BE(at + 5), width: file.readUInt16BE(at + 7) }
    at += 2 + file.readUInt16BE(at + 2)
  }
  return undefined
}

/** RFC 9649 §2.5, §2.6, §2.7: a RIFF container of one of three kinds. */
function webpSize(file: Buffer): Size | undefined {
  if (file.length < 30 || file.toString('latin1', 0, 4) !== 'RIFF' || file.toString('latin1', 8, 12) !== 'WEBP') {
    return undefined
  }
  const kind = file.toString('latin1', 12, 16)
  if (kind === 'VP8X') return { width: 1 + file.readUIntLE(24, 3), height: 1 + file.readUIntLE(27, 3) }
  if (kind === 'VP8L' && file[20] === 0x2f) {
    const bits = file.readUInt32LE(21)
    return { width: 1 + (bits & 0x3fff), height: 1 + ((bits >>> 14) & 0x3fff) }
  }
  if (kind === 'VP8 ' && file.readUIntBE(23, 3) === 0x9d012a) {
    return { width: file.readUInt16LE(26) & 0x3fff, height: file.readUInt16LE(28) & 0x3fff }
  }
  return undefined
}
