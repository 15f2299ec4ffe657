// Adds up vitest's JSON reports: total.mjs STATUS FILE… prints `N passed, N failed` and exits 1 unless all passed.
import { existsSync, readFileSync } from 'node:fs'

const [status, ...reports] = process.argv.slice(2)
let passed = 0
let failed = 0
for (const report of reports) {
  if (!existsSync(report)) {
    console.log(`${report} was not written: the run ended before its tests.`)
    failed += 1
    continue
  }
  const { numPassedTests, numFailedTests, testResults } = JSON.parse(readFileSync(report, 'utf8'))
  passed += numPassedTests
  failed += numFailedTests
  // A file that fails outside of its tests counts as one.
  for (const { status, assertionResults } of testResults)
    if (status === 'failed' && !assertionResults.some((test) => test.status === 'failed')) failed += 1
}
if (status !== '0' && failed === 0) failed = 1
console.log(`${passed} passed, ${failed} failed`)
process.exit(failed === 0 ? 0 : 1)
