import { run } from '../../../src/resource-server/command-line.js'

type Given = { readonly input?: string; readonly files?: Readonly<Record<string, string>>; readonly now?: number }

/** One command line: what it says, and how it ends. */
export async function commandLine(args: readonly string[], { input = '', files = {}, now }: Given = {}) {
  let [stdout, stderr] = ['', '']
  const code = await run(args, {
    stdout: (text) => {
      stdout += text
    },
    stderr: (text) => {
      stderr += text
    },
    read: (file) => {
      const text = file === undefined ? input : files[file]
      if (text === undefined) throw new Error('ENOENT: no such file')
      return text
    },
    isTerminal: false,
    now: () => now ?? Date.now() / 1000,
  })
  return { code, stdout, stderr }
}
