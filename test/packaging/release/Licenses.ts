/** The licenses of what is shipped: of what our bundles hold of others, and of every package that is installed with ours. */
import * as Fs from "node:fs"
import * as Path from "node:path"
import { mustBeNone } from "./Rows.ts"

/** They ask for no more than to be named. */
const allowed: ReadonlySet<string> = new Set([
  "MIT",
  "ISC",
  "BSD-2-Clause",
  "BSD-3-Clause",
  "Apache-2.0",
  "0BSD",
  "BlueOak-1.0.0",
  "Unlicense",
  "CC0-1.0",
  "Python-2.0"
])

/** `modules`: a folder `node_modules` that holds what a user gets, and nothing else. */
export const ofDependencies = (modules: string): string => {
  const counts = new Map<string, number>()
  const problems: Array<string> = []
  for (const file of Fs.globSync("**/package.json", { cwd: modules })) {
    if (!/(?:^|node_modules\/)(?:@[^/]+\/)?[^/]+\/package\.json$/.test(file)) continue
    // The shape is npm's.
    const { license, name } = JSON.parse(Fs.readFileSync(Path.join(modules, file), "utf8")) as {
      readonly name?: string
      readonly license?: unknown
    }
    if (name === undefined) continue
    const said = typeof license === "string" ? license : "no license"
    counts.set(said, (counts.get(said) ?? 0) + 1)
    const choices = said.replaceAll(/[()]/g, "").split(" OR ")
    if (!choices.some((choice) => choice.split(" AND ").every((one) => allowed.has(one)))) {
      problems.push(`${name}: ${said}`)
    }
  }
  const words = [...counts].toSorted(([a, ofA], [b, ofB]) => ofB - ofA || (a < b ? -1 : 1)).map(([license, count]) =>
    `${count} ${license}`
  )
  return mustBeNone(problems, words.join(", "))
}

/** `folder`: of the installed `@holdfast/mcp`, which holds undici for bundlers. The build fails on what is in a bundle and not named. */
export const ofBundles = (folder: string): string => {
  const text = Fs.readFileSync(Path.join(folder, "dist/internal/undici.js"), "utf8")
  const wanted = ["/*! undici", "MIT License", "llhttp"]
  return mustBeNone(
    wanted.filter((words) => !text.includes(words)).map((words) => `undici.js does not say: ${words}`),
    "undici, llhttp"
  )
}
