#!/usr/bin/env node
import { readFileSync } from 'node:fs'
import { run } from './command-line.js'

// Made for `npx @bulla/resource-server`: the keys of an API, and what is the matter with a token.
process.exitCode = await run(process.argv.slice(2), {
  stdout: (text) => void process.stdout.write(text),
  stderr: (text) => void process.stderr.write(text),
  // 0 is standard input.
  read: (file) => readFileSync(file ?? 0, 'utf8'),
  isTerminal: process.stdin.isTTY === true,
  now: () => Date.now() / 1000,
})
