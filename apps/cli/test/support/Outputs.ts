/** The schemas of what commands print with `--json`: a file of `src/outputs/` each, named after its words. */
import type * as Schema from "effect/Schema"
import * as fs from "node:fs"
import * as path from "node:path"

export interface JsonOutput {
  /** `daemon status`. */
  readonly words: string
  readonly schema: Schema.Codec<unknown>
}

const folder = path.resolve(import.meta.dirname, "../../src/outputs")

/** What is no word: printed by every command. */
export const ofEveryWord = ["error", "log"]

/** All of them, those of every word first. */
export const load = async (): Promise<ReadonlyArray<JsonOutput>> => {
  const names = fs.readdirSync(folder).map((file) => path.basename(file, ".ts"))
  const sorted = names.toSorted((a, b) =>
    Number(ofEveryWord.includes(b)) - Number(ofEveryWord.includes(a)) || (a < b ? -1 : 1)
  )
  return Promise.all(sorted.map(async (name) => {
    const { Output }: { readonly Output: Schema.Codec<unknown> } = await import(path.join(folder, `${name}.ts`))
    return { words: name.replaceAll("-", " "), schema: Output }
  }))
}
