/**
 * Wraps the platform: files, read in a thread of its own, where waiting for the disk harms nobody.
 *
 * A file is read in parts, so that one of any size takes the same memory. Symbolic links are never followed.
 */
import ignore, { type Ignore } from "ignore"
import { Buffer } from "node:buffer"
import * as fs from "node:fs"
import * as path from "node:path"
import type { Finding } from "../Finding.ts"
import { type CompiledRule, matchLine } from "./matchLines.ts"

/** A file of the tree. */
export interface ListedFile {
  /** Relative to the root, with forward slashes. */
  readonly path: string
  readonly bytes: number
}

export interface Scanned {
  readonly findings: ReadonlyArray<Finding>
  readonly files: number
  readonly bytes: number
  readonly skipped: number
}

interface Layer {
  readonly folder: string
  readonly rules: Ignore
}

/** All files under the root, in order, but what its `.gitignore` files leave out. */
export const list = (root: string): ReadonlyArray<ListedFile> => {
  const files: Array<ListedFile> = []
  const visit = (folder: string, layers: ReadonlyArray<Layer>): void => {
    let entries: Array<fs.Dirent>
    try {
      entries = fs.readdirSync(path.join(root, folder), { withFileTypes: true })
    } catch {
      // A folder that cannot be read holds nothing that we could find.
      return
    }
    const own = entries.some((entry) => entry.name === ".gitignore" && entry.isFile())
      ? [...layers, { folder, rules: ignore().add(read(path.join(root, folder, ".gitignore"))) }]
      : layers
    for (const entry of entries.toSorted((a, b) => a.name < b.name ? -1 : 1)) {
      if (entry.name === ".git") continue
      const relative = folder === "" ? entry.name : `${folder}/${entry.name}`
      const isFolder = entry.isDirectory()
      if (!isFolder && !entry.isFile()) continue
      if (isIgnored(own, isFolder ? `${relative}/` : relative)) continue
      if (isFolder) visit(relative, own)
      else files.push({ path: relative, bytes: sizeOf(path.join(root, relative)) })
    }
  }
  visit("", [])
  return files
}

const isIgnored = (layers: ReadonlyArray<Layer>, relative: string): boolean => {
  let verdict = false
  for (const { folder, rules } of layers) {
    const { ignored, unignored } = rules.test(folder === "" ? relative : relative.slice(folder.length + 1))
    if (ignored) verdict = true
    if (unignored) verdict = false
  }
  return verdict
}

const read = (file: string): string => {
  try {
    return fs.readFileSync(file, "utf8")
  } catch {
    // Unreadable, it leaves nothing out.
    return ""
  }
}

const sizeOf = (file: string): number => {
  try {
    return fs.lstatSync(file).size
  } catch {
    // Gone between the list and here: the scan will skip it.
    return 0
  }
}

const partBytes = 256 * 1024

/** Looks into files. `onFile` is told of each when it is done. */
export const scan = (
  root: string,
  paths: ReadonlyArray<string>,
  rules: ReadonlyArray<CompiledRule>,
  onFile: (index: number) => void
): Scanned => {
  const findings: Array<Finding> = []
  const part = Buffer.allocUnsafe(partBytes)
  let bytes = 0
  let skipped = 0
  for (const [index, relative] of paths.entries()) {
    onFile(index)
    const size = scanFile(path.join(root, relative), relative, rules, part, findings)
    if (size === undefined) skipped++
    else bytes += size
  }
  return { findings, files: paths.length - skipped, bytes, skipped }
}

const scanFile = (
  file: string,
  relative: string,
  rules: ReadonlyArray<CompiledRule>,
  part: Buffer,
  findings: Array<Finding>
): number | undefined => {
  let descriptor: number
  try {
    // A link that was put there since is not followed either.
    descriptor = fs.openSync(file, fs.constants.O_RDONLY | (fs.constants.O_NOFOLLOW ?? 0))
  } catch {
    return undefined
  }
  try {
    const decoder = new TextDecoder("utf-8", { ignoreBOM: true })
    let size = 0
    let rest = ""
    let number = 1
    for (;;) {
      const count = fs.readSync(descriptor, part, 0, part.length, null)
      if (count === 0) break
      const chunk = part.subarray(0, count)
      if (size === 0 && chunk.subarray(0, 8192).includes(0)) return undefined
      size += count
      const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n")
      rest = lines.pop() ?? ""
      for (const line of lines) matchLine(rules, relative, line, number++, findings)
      // A line without end is looked at in parts as it comes; a secret of any rule fits into what is kept.
      if (rest.length > longestRest) {
        matchLine(rules, relative, rest, number, findings)
        rest = rest.slice(-keptRest)
      }
    }
    matchLine(rules, relative, rest, number, findings)
    return size
  } catch {
    // A file that vanishes or breaks while it is read is one that was left out.
    return undefined
  } finally {
    fs.closeSync(descriptor)
  }
}

const longestRest = 4 * 1024 * 1024
const keptRest = 2048
