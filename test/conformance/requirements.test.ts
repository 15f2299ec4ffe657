import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { Requirement } from './requirement.js'
import { accessTokens } from './requirements/access-tokens.js'
import { codesAndPushedRequests } from './requirements/codes-and-pushed-requests.js'
import { firstPartyApps } from './requirements/first-party-apps.js'
import { frontChannel } from './requirements/front-channel.js'
import { logout } from './requirements/logout.js'
import { metadataAndResources } from './requirements/metadata-and-resources.js'
import { openidConnect } from './requirements/openid-connect.js'
import { pushedRequests } from './requirements/pushed-requests.js'
import { resourceServers } from './requirements/resource-servers.js'
import { revocationAndIntrospection } from './requirements/revocation-and-introspection.js'
import { statusLists } from './requirements/status-lists.js'
import { tokenEndpoint } from './requirements/token-endpoint.js'
import { tokensAtTheApi } from './requirements/tokens-at-the-api.js'

const requirements: readonly Requirement[] = [
  ...tokenEndpoint,
  ...revocationAndIntrospection,
  ...statusLists,
  ...metadataAndResources,
  ...openidConnect,
  ...accessTokens,
  ...resourceServers,
  ...tokensAtTheApi,
  ...codesAndPushedRequests,
  ...logout,
  ...pushedRequests,
  ...firstPartyApps,
  ...frontChannel,
]

/** Whether a file has a test or table of tests of this title. */
function exists(reference: string): boolean {
  const [file = '', title = ''] = reference.split(' › ', 2)
  if (title === '' || !existsSync(file)) return false
  const source = readFileSync(file, 'utf8')
  // The title stands as a literal at the end of a call of `it`, `test` or the table of one.
  return [`'${title}'`, `"${title}"`, `\`${title}\``].some((literal) =>
    [`(${literal},`, `(\n      ${literal},`, `(\n    ${literal},`, `(\n  ${literal},`].some((call) =>
      source.includes(call),
    ),
  )
}

describe('a requirement of a standard', () => {
  it.each(requirements)('$id is shown by tests that exist: $text', ({ shownBy }) => {
    expect(shownBy.filter((reference) => !exists(reference))).toEqual([])
  })

  it('has a test when it is a MUST', () => {
    const bare = requirements.filter(({ level, shownBy }) => level === 'MUST' && shownBy.length === 0)
    expect(bare.map(({ id }) => id)).toEqual([])
  })

  it('has an id of its own and a section', () => {
    const ids = requirements.map(({ id }) => id)
    expect(new Set(ids).size).toBe(ids.length)
    for (const { source } of requirements)
      expect(source).toMatch(/^(?:RFC \d+|draft-[a-z0-9-]+|OpenID Connect [A-Z][A-Za-z -]+) §[\dA-Z.]+$/)
  })
})

it('finds no test that is not there', () => {
  expect(exists('test/http/token.test.ts › with JSON that nobody stores, RFC 6749 §5.1')).toBe(true)
  expect(exists('test/http/token.test.ts › with JSON that nobody stores')).toBe(false)
  expect(exists('test/http/token.test.ts › client_credentials')).toBe(false)
  expect(exists('test/http/nothing.test.ts › with JSON that nobody stores, RFC 6749 §5.1')).toBe(false)
  expect(exists('test/http/token.test.ts')).toBe(false)
})
