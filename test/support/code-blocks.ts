import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export type CodeBlock = { readonly language: string; readonly file: string | undefined; readonly text: string }

/** The fenced code of a page of ours, in order. */
export function codeBlocks(path: string): readonly CodeBlock[] {
  const text = readFileSync(fileURLToPath(new URL(`../../${path}`, import.meta.url)), 'utf8')
  return [...text.matchAll(/^```(\w*)(?: file=(\S+))?\n(.*?)^```$/gms)].map(([, language = '', file, code = '']) => ({
    language,
    file,
    text: code,
  }))
}
