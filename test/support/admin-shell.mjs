// Runs many `admin` commands in one process: what takes time is to load it.
import { run } from '../../dist/scripts/admin/run.js'

process.on('message', async ({ id, args }) => {
  let [stdout, stderr] = ['', '']
  const code = await run(args, {
    stdout: (text) => {
      stdout += text
    },
    stderr: (text) => {
      stderr += text
    },
  })
  process.send({ id, code, stdout, stderr })
})
process.on('disconnect', () => process.exit())
