/**
 * What `docs/demo.md` says that the demo printed, between its marks. `node test/demo/PageBlock.ts` writes it anew, from a run.
 */
import { execFileSync } from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"

const page = path.resolve(import.meta.dirname, "../../docs/demo.md")

const block = /(<!-- demo:start -->[^]*?```text\n)([^]*?)(```\n[^]*?<!-- demo:end -->)/

/** The output on the page. */
export const read = (): string => {
  const text = block.exec(fs.readFileSync(page, "utf8"))?.[2]
  if (text === undefined) throw new Error(`${page} has no text block between demo:start and demo:end`)
  return text
}

/** Lines of an output by their wording: without numbers, without the rows of the scan, of which each run has others. */
export const wording = (output: string): ReadonlyArray<string> =>
  output.split("\n")
    .map((line) => line.replaceAll(/\d+(?:\.\d+)?/g, "0").replaceAll(/ +/g, " ").trimEnd())
    .filter((line) => !line.startsWith(" 0 s "))

if (import.meta.main) {
  const output = execFileSync(process.execPath, [path.join(import.meta.dirname, "main.ts")], { encoding: "utf8" })
  const before = fs.readFileSync(page, "utf8")
  fs.writeFileSync(page, before.replace(block, (_, start: string, __, end: string) => start + output + end))
}
