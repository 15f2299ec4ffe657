import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'

/** The root of the repository. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url))

export interface Source {
  /** From the root, with slashes. */
  readonly path: string
  readonly text: string
  readonly lines: readonly string[]
}

/** Every TypeScript and JavaScript file below folders of the repository, generated ones left out. */
export function sources(...folders: string[]): Source[] {
  return folders.flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && /\.[cm]?[jt]s$/.test(entry.name))
      .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)).replaceAll('\\', '/'))
      .filter((path) => !path.startsWith('src/store/generated/'))
      .map((path) => {
        const text = readFileSync(join(ROOT, path), 'utf8')
        return { path, text, lines: text.split('\n') }
      }),
  )
}

/** Where in a file a node of its syntax tree fulfils a condition, as `path:line`. */
export function nodesWhere(
  { path, text }: Source,
  condition: (node: ts.Node, file: ts.SourceFile) => boolean,
): string[] {
  const file = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true)
  const found: string[] = []
  const visit = (node: ts.Node) => {
    if (condition(node, file)) found.push(`${path}:${file.getLineAndCharacterOfPosition(node.getStart(file)).line + 1}`)
    ts.forEachChild(node, visit)
  }
  visit(file)
  return found
}

/** Where in a file a line matches, as `path:line`. */
export const linesMatching = ({ path, lines }: Source, pattern: RegExp): string[] =>
  lines.flatMap((line, index) => (pattern.test(line) ? [`${path}:${index + 1}`] : []))
