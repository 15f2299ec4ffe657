import { readFileSync, writeFileSync } from 'node:fs'
import { environmentExample, withTable } from '#bulla/config-reference.js'

// Writes what is printed from the schema of the configuration: .env.example and the table in README.md.
const root = new URL('../../', import.meta.url)
const readme = new URL('README.md', root)

writeFileSync(new URL('.env.example', root), environmentExample())
writeFileSync(readme, withTable(readFileSync(readme, 'utf8')))
process.stdout.write('Wrote .env.example and the table in README.md.\n')
