import { existsSync, lstatSync, readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'

type Lock = { readonly packages: Readonly<Record<string, LockedPackage>> }
type LockedPackage = {
  readonly dev?: boolean
  readonly optional?: boolean
  readonly devOptional?: boolean
  readonly peer?: boolean
}

/** The folders of what `npm ci --omit=dev --omit=optional --omit=peer` installs, as the Dockerfile does. */
export const productionFolders = ({ packages }: Lock): string[] =>
  Object.entries(packages)
    .filter(([folder, { dev, optional, devOptional, peer }]) => folder && !dev && !optional && !devOptional && !peer)
    .map(([folder]) => folder)

/** Bytes of the files below a folder, or of a file, without what `leave` names. */
export function bytesOf(path: string, leave: (name: string) => boolean = () => false): number {
  if (!existsSync(path)) return 0
  const found = lstatSync(path)
  if (!found.isDirectory()) return found.size
  return readdirSync(path)
    .filter((name) => !leave(name))
    .reduce((sum, name) => sum + bytesOf(join(path, name), leave), 0)
}

export type Sizes = { readonly packages: number; readonly modules: number; readonly image: number }

/** What the Dockerfile deletes of it again. */
const DELETED = /^query_compiler_(?!small_bg\.postgresql\.)/

/** Of what is installed for production, and of all that the image holds on top of the one it is made from. Bytes. */
export function sizesOf(root: string): Sizes {
  const folders = productionFolders(JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')))
  const all = (leave: (name: string) => boolean) =>
    folders.reduce((sum, folder) => sum + bytesOf(join(root, folder), leave), 0)
  // A package within a package is one of the list itself.
  const modules = all((name) => name === 'node_modules')
  const kept = all((name) => name === 'node_modules' || DELETED.test(name))
  const copied = ['dist', 'package.json', 'scripts/build.mjs', 'prisma/migrations']
  const own = copied.reduce(
    (sum, path) => sum + bytesOf(join(root, path), (name) => basename(name) === '.tsbuildinfo'),
    0,
  )
  return { packages: folders.length, modules, image: kept + own }
}
