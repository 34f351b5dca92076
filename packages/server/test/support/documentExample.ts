/** The examples in our documents, as tests take them out to run them. */
import * as fs from "node:fs"
import { fileURLToPath } from "node:url"

/** The text of a page below `docs/`. */
export const pageOf = (name: string): string =>
  fs.readFileSync(fileURLToPath(new URL(`../../../../docs/${name}`, import.meta.url)), "utf8")

/** Its blocks of a language, in order. */
export const blocksOf = (page: string, language: string): ReadonlyArray<string> =>
  [...page.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, "gms"))].map(([, block = ""]) => block)

/** The one block of a language that says this. */
export const blockWith = (page: string, language: string, words: string): string => {
  const found = blocksOf(page, language).filter((block) => block.includes(words))
  if (found.length !== 1) throw new Error(`${found.length} examples in ${language} have: ${words}`)
  return found.join("")
}

/** What stands there exactly once, replaced: a test of something else than the document would be none. */
export const replaceOnce = (text: string, from: string, to: string): string => {
  const parts = text.split(from)
  if (parts.length !== 2) throw new Error(`the example has ${parts.length - 1} times: ${from}`)
  return parts.join(to)
}
