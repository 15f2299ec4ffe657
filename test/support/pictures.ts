const base64 = (text: string) => Buffer.from(text, 'base64')

/** The smallest pictures of each kind. */
export const pictures = {
  png: {
    contentType: 'image/png',
    bytes: base64('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=='),
  },
  jpeg: {
    contentType: 'image/jpeg',
    bytes: Buffer.from('ffd8ffe000104a46494600010100000100010000ffc0000b080010002001011100ffd9', 'hex'),
  },
  webpLossy: {
    contentType: 'image/webp',
    bytes: base64('UklGRiQAAABXRUJQVlA4IBgAAAAwAQCdASoBAAEAAgA0JaQAA3AA/vuUAAA='),
  },
  webpLossless: {
    contentType: 'image/webp',
    bytes: base64('UklGRhoAAABXRUJQVlA4TA0AAAAvAAAAEAcQERGIiP4HAA=='),
  },
  webpExtended: {
    contentType: 'image/webp',
    bytes: Buffer.concat([
      Buffer.from('RIFF\x16\0\0\0WEBPVP8X\x0a\0\0\0', 'latin1'),
      Buffer.from('00000000ff00007f0000', 'hex'),
    ]),
  },
} as const
