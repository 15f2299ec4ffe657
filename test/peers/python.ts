import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** Runs a program of this folder with Debian's Python, whose modules no other one has; JSON in, JSON out. Throws with what it said. */
export function python<Answer>(program: string, question: unknown): Promise<Answer> {
  const path = fileURLToPath(new URL(program, import.meta.url))
  return new Promise((resolve, reject) => {
    const env = { PATH: process.env['PATH'], AUTHLIB_INSECURE_TRANSPORT: '1', PYTHONDONTWRITEBYTECODE: '1' }
    const child = execFile('/usr/bin/python3', [path], { env, timeout: 60_000 }, (error, stdout, stderr) => {
      if (error) reject(new Error(`${program}: ${stderr || error.message}`))
      else resolve(JSON.parse(stdout) as Answer)
    })
    child.stdin?.end(JSON.stringify(question))
  })
}
