/**
 * `docs/performance.md` and its pictures, made of a stored run, `docs/performance.json`. What is between the markers is written, all else is left as it
 * is.
 */
import * as fs from "node:fs"
import * as path from "node:path"
import * as Machine from "../Machine.ts"
import * as Picture from "./Picture.ts"
import { counts, type Run, type SeedNumber, type Subject, subjects } from "./Subjects.ts"

const docs = path.resolve(import.meta.dirname, "../../../docs")
const file = (name: string): string => path.join(docs, name)

/** The run that the document shows; undefined before the first. */
export const stored = (): Run | undefined => {
  const path = file("performance.json")
  return fs.existsSync(path) ? JSON.parse(fs.readFileSync(path, "utf8")) : undefined
}

/** Where the picture of a subject is, from the document. */
export const pictureOf = ({ name }: Subject): string => `images/growth-${name}.svg`

const line = (cells: ReadonlyArray<string>): string => `| ${cells.join(" | ")} |`

/** Aligned, as the formatter of documents has it. */
const table = (rows: ReadonlyArray<ReadonlyArray<string>>): ReadonlyArray<string> => {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(1, ...rows.map((row) => (row[column] ?? "").length)))
  const padded = rows.map((row) => line(row.map((cell, column) => cell.padEnd(widths[column] ?? 0))))
  return [padded[0] ?? "", line(widths.map((width) => "-".repeat(width))), ...padded.slice(1)]
}

/** Tables and pictures of what grows. */
export const growth = (run: Run): string =>
  subjects.flatMap((subject) => {
    const points = counts.map((count) => run.points[subject.name].find((point) => point.count === count))
    return [
      `### ${subject.title}`,
      "",
      `![${subject.title}](${pictureOf(subject)})`,
      "",
      ...table([
        ["", ...counts.map(Picture.grouped)],
        [subject.timed, ...points.map((point) => point === undefined ? "–" : Picture.time(point.micros))],
        [subject.weighed, ...points.map((point) => point === undefined ? "–" : Picture.size(point.bytes))]
      ]),
      ""
    ]
  }).concat(
    `${
      Machine.words(run.machine)
    } when it ended. The best of the rounds of each point; –: was not measured in this run.`
  ).join("\n")

/** The table of the seeds' own numbers. */
export const seeds = (numbers: ReadonlyArray<SeedNumber>): string =>
  table([
    ["", "before", "now", "measured by"],
    ...numbers.map(({ before, command, now, what }) => [what, before, now, `\`${command}\``])
  ]).join("\n")

/** The document with other text between the markers of a name. */
export const between = (text: string, name: string, content: string): string => {
  const [begin, end] = [`<!-- ${name} -->`, `<!-- end of ${name} -->`]
  const [from, to] = [text.indexOf(begin), text.indexOf(end)]
  if (from < 0 || to < from) throw new Error(`docs/performance.md has no ${begin} … ${end}`)
  return `${text.slice(0, from + begin.length)}\n\n${content}\n\n${text.slice(to)}`
}

/** The document as it has to be for a run. */
export const document = (text: string, run: Run): string =>
  between(between(text, "growth", growth(run)), "seeds", seeds(run.seeds))

/** The documents's own text, as it is. */
export const text = (): string => fs.readFileSync(file("performance.md"), "utf8")

/** The pictures of a run, by where they are. */
export const pictures = (run: Run): ReadonlyArray<readonly [string, string]> =>
  subjects.map((subject) => [pictureOf(subject), Picture.draw(subject, run.points[subject.name])])

/** What is on the disk of a picture. */
export const picture = (name: string): string => fs.readFileSync(file(name), "utf8")

export const store = (run: Run): void => fs.writeFileSync(file("performance.json"), `${JSON.stringify(run, null, 2)}\n`)

/** Stores a run, draws its pictures and writes the document. */
export const write = (run: Run): void => {
  store(run)
  fs.mkdirSync(file("images"), { recursive: true })
  for (const [name, svg] of pictures(run)) fs.writeFileSync(file(name), svg)
  fs.writeFileSync(file("performance.md"), document(text(), run))
}
