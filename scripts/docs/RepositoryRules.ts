/**
 * Rules that hold for every file of the repository.
 *
 * 1. No file names a package registry's host: where packages come from is the machine's business. The lockfile holds no url at all.
 * 2. A relative link in a Markdown file leads to a file that exists, and its anchor to a heading.
 * 3. The prose of a Markdown file keeps to plain words (`PlainWords.ts`). Changelogs and changesets stay as they were written.
 * 4. Nothing is left unresolved: no merge conflict markers.
 * 5. Nothing that a compiler has made lies beside its source.
 * 6. A code block of a Markdown file that bears the note `file: <path>` is that file. `node scripts/check-repository.ts --write` makes it so.
 */
import { execFileSync } from "node:child_process"
import * as Fs from "node:fs"
import * as Path from "node:path"
import type { Violation } from "../imports/ImportRules.ts"
import { readPage } from "./Markdown.ts"
import { plainer, unplainWord } from "./PlainWords.ts"

/** Written in parts, so that this file keeps its own rule. */
const registryHosts = [
  ["registry", "npmjs", "org"],
  ["registry", "yarnpkg", "com"],
  ["registry", "npmmirror", "com"],
  ["npm", "pkg", "github", "com"],
  ["npm", "jsr", "io"]
].map((parts) => parts.join("."))

/** Every file that is or will be committed. */
export const repositoryFiles = (root: string): ReadonlyArray<string> =>
  execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard", "-z"], { cwd: root, encoding: "utf8" })
    .split("\0")
    .filter((path) => path !== "" && Fs.existsSync(Path.join(root, path)))

export const checkRepository = (root: string, files: ReadonlyArray<string>): ReadonlyArray<Violation> => {
  const violations: Array<Violation> = []
  const read = (path: string) => Fs.readFileSync(Path.join(root, path), "utf8")
  const known = new Set(files)
  for (const path of files) {
    if (known.has(path.replace(/\.(?:js|d\.ts)(?:\.map)?$/, ".ts")) && /\.(?:js|d\.ts)(?:\.map)?$/.test(path)) {
      violations.push({ place: path, message: "was made from the source beside it: remove it" })
    }
    const text = read(path)
    if (text.includes("\0")) continue
    for (const [index, line] of text.split("\n").entries()) {
      const place = `${path}:${index + 1}`
      if (registryHosts.some((host) => line.includes(host))) {
        violations.push({ place, message: "names a package registry's host" })
      }
      if (path === "pnpm-lock.yaml" && line.includes("://")) {
        violations.push({ place, message: "the lockfile holds a url: install without a mirror's tarball urls" })
      }
      if (/^(<{7}|>{7}) /.test(line)) violations.push({ place, message: "merge conflict marker" })
    }
    if (path.endsWith(".md")) {
      const { blocks, links } = readPage(text)
      for (const { line, target } of links) {
        const problem = judgeLink(root, path, target)
        if (problem !== undefined) violations.push({ place: `${path}:${line}`, message: problem })
      }
      for (const { line, note, text } of blocks) {
        const file = fileOf(note)
        if (file === undefined) continue
        if (!Fs.existsSync(Path.join(root, file))) {
          violations.push({ place: `${path}:${line}`, message: `there is no ${file}, which the block is said to be` })
        } else if (read(file) !== `${text}\n`) {
          violations.push({
            place: `${path}:${line}`,
            message: `the block is not ${file}: change the file, then node scripts/check-repository.ts --write`
          })
        }
      }
      if (!/(^|\/)(CHANGELOG\.md|\.changeset\/)/.test(path)) {
        for (const { line, text: prose } of proseOf(text)) {
          const found = unplainWord(prose)
          if (found !== undefined) violations.push({ place: `${path}:${line}`, message: plainer(found) })
        }
      }
    }
  }
  return violations
}

/** The page with every block that is said to be a file being that file. */
export const withFiles = (root: string, markdown: string): string => {
  const lines = markdown.split("\n")
  for (const { line, note, text } of readPage(markdown).blocks.toReversed()) {
    const file = fileOf(note)
    if (file === undefined || !Fs.existsSync(Path.join(root, file))) continue
    const shown = Fs.readFileSync(Path.join(root, file), "utf8").trimEnd().split("\n")
    lines.splice(line, text === "" ? 0 : text.split("\n").length, ...shown)
  }
  return lines.join("\n")
}

/** The file that a block is said to be, by the comment above it. */
const fileOf = (note: string | undefined): string | undefined => /^file: (\S+)$/.exec(note ?? "")?.[1]

/** The lines outside of code blocks, without what stands between back-quotes. */
const proseOf = (markdown: string): ReadonlyArray<{ readonly line: number; readonly text: string }> => {
  const code = new Set<number>()
  for (const block of readPage(markdown).blocks) {
    const last = block.line + block.text.split("\n").length
    for (let line = block.line; line <= last; line++) code.add(line)
  }
  return markdown.split("\n")
    .map((text, index) => ({ line: index + 1, text: text.replace(/`[^`]*`/g, "``") }))
    .filter(({ line }) => !code.has(line))
}

const judgeLink = (root: string, from: string, target: string): string | undefined => {
  if (/^[a-z][a-z+.-]*:/i.test(target)) return undefined
  const [file = "", anchor] = target.split("#")
  const path = file === "" ? from : Path.join(Path.dirname(from), decodeURIComponent(file))
  if (path.startsWith("..")) return `the link ${target} leaves the repository`
  const absolute = Path.join(root, path)
  if (!Fs.existsSync(absolute)) return `the link ${target} leads nowhere`
  if (anchor !== undefined && path.endsWith(".md")) {
    const { anchors } = readPage(Fs.readFileSync(absolute, "utf8"))
    if (!anchors.includes(anchor)) return `the link ${target} names a heading that ${path} does not have`
  }
  return undefined
}
