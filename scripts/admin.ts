import { run } from './admin/run.js'

// Administers a running or a stopped server through its database.
process.exitCode = await run(process.argv.slice(2), {
  stdout: (text) => void process.stdout.write(text),
  stderr: (text) => void process.stderr.write(text),
})
