#!/usr/bin/env node
import { readFileSync } from 'node:fs'
import { isatty } from 'node:tty'
import { run } from './command-line.js'

// Made for `npx @bulla/resource-server`: the keys of an API, and what is the matter with a token.
process.exitCode = await run(process.argv.slice(2), {
  stdout: (text) => void process.stdout.write(text),
  stderr: (text) => void process.stderr.write(text),
  // 0 is standard input.
  read: (file) => readFileSync(file ?? 0, 'utf8'),
  // Not by process.stdin: who looks at that can't wait for what a pipe will bring.
  isTerminal: isatty(0),
  now: () => Date.now() / 1000,
})
