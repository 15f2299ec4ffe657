import type { Requirement } from '../requirement.js'

const HTTP = 'test/http/status-lists.test.ts'
const LISTS = 'test/unit/revocation/status-lists.test.ts'
const INDICES = 'test/unit/revocation/indices.test.ts'
const PERMUTATION = 'test/unit/revocation/permutation.test.ts'
const LEASES = 'test/store/leases.test.ts'
const STORE = 'test/store/status-lists.test.ts'
const GUIDE = 'test/peers/revocation-guide.test.ts'
const AGREEMENT =
  'test/e2e/agreement.test.ts › introspection, status list, feed and SDK at two processes agree on every token, whatever happened'

/** draft-ietf-oauth-status-list, as the one who issues both the tokens and their lists. */
export const statusLists: readonly Requirement[] = [
  {
    id: 'STATUS-LIST-4.1-bits',
    source: 'draft-ietf-oauth-status-list §4.1',
    level: 'MUST',
    text: 'A list is an array of entries of one size, packed from the lowest bit of each byte, in DEFLATE with the ZLIB format.',
    shownBy: [`${LISTS} › packs its bits as the draft has them: the lowest of a byte first, in ZLIB`],
  },
  {
    id: 'STATUS-LIST-5.1-token',
    source: 'draft-ietf-oauth-status-list §5.1',
    level: 'MUST',
    text: 'The list is a signed JWT of its own type: sub is its address, with iat and status_list, and exp and ttl for its readers.',
    shownBy: [
      `${LISTS} › says what it is, where it is, how long it may be kept, and when it ends`,
      `${GUIDE} › tells a revoked token by the status list`,
    ],
  },
  {
    id: 'STATUS-LIST-6.2-reference',
    source: 'draft-ietf-oauth-status-list §6.2',
    level: 'MUST',
    text: 'A token says its list’s address and its index in it, which is within the list.',
    shownBy: [`${INDICES} › comes with the address of its list and a jti that says the same place`, AGREEMENT],
  },
  {
    id: 'STATUS-LIST-7.1-status',
    source: 'draft-ietf-oauth-status-list §7.1',
    level: 'MUST',
    text: 'A set bit stands for a token that counts no more, a clear one for a token that does.',
    shownBy: [
      `${LISTS} › sets every index of a lease, and no other`,
      `${STORE} › flips them and no others, in its own tenant`,
      AGREEMENT,
    ],
  },
  {
    id: 'STATUS-LIST-8.1-get',
    source: 'draft-ietf-oauth-status-list §8.1',
    level: 'MUST',
    text: 'Whoever asks for the address with GET is given the list, browsers on other origins too.',
    shownBy: [
      `${HTTP} › gives everybody the list as it is, draft-ietf-oauth-status-list §8.2, for a second and on any page`,
      `${HTTP} › is for reading, also by HEAD`,
    ],
  },
  {
    id: 'STATUS-LIST-8.2-response',
    source: 'draft-ietf-oauth-status-list §8.2',
    level: 'MUST',
    text: 'The answer has the media type of its format, and a content coding only for who accepts it.',
    shownBy: [
      `${HTTP} › gives everybody the list as it is, draft-ietf-oauth-status-list §8.2, for a second and on any page`,
      `${HTTP} › is compressed for who takes it: %s`,
      `${HTTP} › can be read by who asked for it compressed: %s`,
    ],
  },
  {
    id: 'STATUS-LIST-8.4-time',
    source: 'draft-ietf-oauth-status-list §8.4',
    level: 'SHOULD',
    text: 'Who asks for the list of another time, which is not kept, is answered 501.',
    shownBy: [`${HTTP} › does not tell what was at another time, draft-ietf-oauth-status-list §8.4`],
  },
  {
    id: 'STATUS-LIST-9.3-aggregation',
    source: 'draft-ietf-oauth-status-list §9.3',
    level: 'MUST',
    text: 'The aggregation is a JSON object with the addresses of the lists in status_lists.',
    shownBy: [`${HTTP} › names the lists in use, draft-ietf-oauth-status-list §9.3, each tenant’s own`],
  },
  {
    id: 'STATUS-LIST-9.1-metadata',
    source: 'draft-ietf-oauth-status-list §9.1',
    level: 'SHOULD',
    text: 'The metadata names the aggregation endpoint.',
    shownBy: ['test/unit/oauth/metadata.test.ts › names what works, under its issuer'],
  },
  {
    id: 'STATUS-LIST-11.2-confusion',
    source: 'draft-ietf-oauth-status-list §11.2',
    level: 'MUST',
    text: 'A list is taken for no access token.',
    shownBy: [
      'test/unit/wire/open-own.test.ts › a token within a token, claims that nobody signed, and tokens of another kind',
    ],
  },
  {
    id: 'STATUS-LIST-12.1-tracking',
    source: 'draft-ietf-oauth-status-list §12.1',
    level: 'SHOULD',
    text: 'A list is of many tokens, so that who asks for it does not tell which it is about.',
    shownBy: [`${LEASES} › are of a list of their tenant and hour`],
  },
  {
    id: 'STATUS-LIST-12.5-unlinkable',
    source: 'draft-ietf-oauth-status-list §12.5',
    level: 'SHOULD',
    text: 'Indices are not given in order: two of one client, or of one moment, have nothing to do with each other.',
    shownBy: [
      `${PERMUTATION} › scatters what was leased together: neighbours are not neighbours, and all of the list is used`,
      `${PERMUTATION} › is the same for the same key and another for another`,
    ],
  },
  {
    id: 'STATUS-LIST-13.1-lifetime',
    source: 'draft-ietf-oauth-status-list §13.1',
    level: 'SHOULD',
    text: 'A list is there as long as a token that points into it, and goes afterwards.',
    shownBy: [
      `${LISTS} › end five minutes after their hour, and others are not there`,
      `${STORE} › is found by its id in its tenant, until five minutes after its hour`,
    ],
  },
  {
    id: 'STATUS-LIST-13.2-once',
    source: 'draft-ietf-oauth-status-list §13.2',
    level: 'MUST',
    text: 'An index is one token’s alone, also where several processes give them.',
    shownBy: [
      `${INDICES} › is given to one token alone, however many ask at once`,
      `${LEASES} › are leased once, whatever two processes ask for at the same time`,
      AGREEMENT,
    ],
  },
]
