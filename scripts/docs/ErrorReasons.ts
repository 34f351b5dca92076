/**
 * Every error reason has a page, and no page is left without its reason.
 *
 * A reason is an error class in the sources of a package, outside `internal/` and the testkit: it extends `Schema.Error`,
 * `Schema.TaggedError`, `Data.Error` or `Data.TaggedError` and has a tag. The outer error of a package, which only carries a
 * `reason`, is none. Its page is `docs/errors/<tag>.md` with the sections every page has, of which the last shows the error in code, with Effect
 * and without. Two packages may share a tag and a page.
 *
 * The index, `docs/errors/README.md`, leads to every page. What it quotes of messages is in the sources.
 */
import * as Fs from "node:fs"
import * as Path from "node:path"
import * as Oxc from "oxc-parser"
import type { Violation } from "../imports/ImportRules.ts"
import { readPage } from "./Markdown.ts"

/** What a page must have under its title, in this order. */
export const sections = ["What it means", "What to do"]

/** What follows in the end: the error in code. */
export const inCode = ["## In code", "### Without Effect"]

/** Of the index: what messages say, by which a reader finds the page. */
export const quotes = "## By what the message says"

export const pages = "docs/errors"

/** The tags of the error reasons in one source file. */
export const reasonsOf = (path: string, text: string): ReadonlyArray<string> => {
  const { errors, program } = Oxc.parseSync(path, text, { sourceType: "module" })
  if (errors.length > 0) throw new Error(`${path}: ${errors.map((error) => error.message).join("; ")}`)
  const found: Array<string> = []
  new Oxc.Visitor({
    ClassDeclaration: (node) => {
      if (node.superClass === null) return
      const base = text.slice(node.superClass.start, node.superClass.end)
      const parameters = node.superTypeArguments ?? null
      const shape = base + (parameters === null ? "" : text.slice(parameters.start, parameters.end))
      if (!/^(Schema|Data)\.(Tagged)?Error\b/.test(base) || /\breason\s*:/.test(shape)) return
      const tag = /Schema\.tag\(\s*"(\w+)"\s*\)/.exec(base) ??
        /TaggedError\(\s*"(\w+)"/.exec(base) ??
        /TaggedError(?:<[^(]*>)?\([^)]*\)\(\s*"(\w+)"/.exec(base)
      if (tag?.[1] !== undefined) found.push(tag[1])
      else throw new Error(`${path}: error class ${node.id?.name ?? ""} has no tag that this check can read`)
    }
  }).visit(program)
  return found
}

/** Reasons without a page, pages without a reason, and pages without the sections a reader looks for. */
export const checkErrorPages = (
  root: string
): { readonly reasons: number; readonly violations: ReadonlyArray<Violation> } => {
  const violations: Array<Violation> = []
  const reasons = new Map<string, string>()
  for (const path of Fs.globSync("packages/*/src/**/*.ts", { cwd: root }).toSorted()) {
    if (path.includes("/internal/") || path.startsWith("packages/testkit/")) continue
    for (const tag of reasonsOf(path, Fs.readFileSync(Path.join(root, path), "utf8"))) {
      if (!reasons.has(tag)) reasons.set(tag, path)
    }
  }
  for (const [tag, path] of reasons) {
    const page = `${pages}/${tag}.md`
    if (!Fs.existsSync(Path.join(root, page))) {
      violations.push({ place: path, message: `the error reason ${tag} has no page ${page}` })
      continue
    }
    const text = Fs.readFileSync(Path.join(root, page), "utf8")
    const headings = text.split("\n").filter((line) => line.startsWith("#"))
    const expected = [`# ${tag}`, ...sections.map((section) => `## ${section}`)]
    if (headings.slice(0, expected.length).join() !== expected.join()) {
      violations.push({ place: page, message: `its headings must start with ${expected.join(", ")}` })
    }
    if (headings.slice(-inCode.length).join() !== inCode.join()) {
      violations.push({ place: page, message: `its headings must end with ${inCode.join(", ")}` })
    } else if (!showsWithoutEffect(text, tag)) {
      violations.push({ place: page, message: `has no ts block without Effect that names ${tag}` })
    }
  }
  for (const path of Fs.globSync(`${pages}/*.md`, { cwd: root }).toSorted()) {
    const tag = Path.basename(path, ".md")
    if (tag !== "README" && !reasons.has(tag)) {
      violations.push({ place: path, message: `no error reason is called ${tag}` })
    }
  }
  violations.push(...judgeIndex(root, [...reasons.keys()]))
  return { reasons: reasons.size, violations }
}

/** Whether the last section has a program that names the error. */
const showsWithoutEffect = (page: string, tag: string): boolean => {
  const { blocks } = readPage(page.slice(page.lastIndexOf("### Without Effect")))
  return blocks.some(({ info, text }) => info === "ts" && new RegExp(`\\b${tag}\\b`).test(text))
}

/** A page that the index does not lead to, and a quotation that no source says any more. */
const judgeIndex = (root: string, reasons: ReadonlyArray<string>): ReadonlyArray<Violation> => {
  const place = `${pages}/README.md`
  if (!Fs.existsSync(Path.join(root, place))) return []
  const index = Fs.readFileSync(Path.join(root, place), "utf8")
  const missing = reasons.filter((tag) => !index.includes(`(${tag}.md)`)).map((tag) => ({
    place,
    message: `does not lead to ${tag}`
  }))
  const table = index.split(quotes)[1]?.split("\n## ")[0] ?? ""
  const said = [...table.matchAll(/^\|([^|]*)\|/gm)].flatMap(([, cell = ""]) =>
    [...cell.matchAll(/`([^`]+)`/g)].map(([, quoted = ""]) => quoted)
  )
  const sources = Fs.globSync("packages/*/src/**/*.ts", { cwd: root })
    .map((path) => Fs.readFileSync(Path.join(root, path), "utf8")).join("\n")
  const stale = said.filter((quoted) => !sources.includes(quoted)).map((quoted) => ({
    place,
    message: `no message says "${quoted}"`
  }))
  return [...missing, ...stale]
}
