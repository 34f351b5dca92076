/**
 * Wraps the platform: `holdfast __complete`, which a shell asks at a Tab. Starts nothing, asks nothing, loads no Effect. Says nothing of what is
 * wrong: a shell would print it into the line that is being written.
 */
import * as CatalogueFiles from "@holdfast/daemon/CatalogueFiles"
import { readFileSync, writeSync } from "node:fs"
import * as path from "node:path"
import { scripts, shells } from "../CompletionScripts.ts"
import * as ConfigPlaces from "../ConfigPlaces.ts"
import { containers } from "../internal/connectFile.ts"
import { answers } from "./Completion.ts"
import { isMembers } from "./Members.ts"

type Parse = (text: string) => unknown

/** Prints the answers, a line each, and ends. The exit code is 0 in any case. */
export const answer = async (words: ReadonlyArray<string>): Promise<void> => {
  try {
    let isStrict = true
    const lines = answersBy(words, (text) => {
      try {
        return JSON.parse(text)
      } catch {
        isStrict = false
      }
    })
    print(isStrict ? lines : answersBy(words, await lenient()))
  } catch {
    // No answer is one, too.
  }
}

/** Reads comments, too, which few files have: it is loaded for these. */
const lenient = async (): Promise<Parse> => {
  const { parse } = await import("#jsonc-parser")
  return (text) => parse(text, [], { allowTrailingComma: true })
}

const answersBy = (words: ReadonlyArray<string>, parse: Parse): ReadonlyArray<string> =>
  answers(words, { servers: (config) => serversOf(config, parse), tools: (server) => CatalogueFiles.toolsOf(server) })

const print = (lines: ReadonlyArray<string>): void => {
  if (lines.length > 0) writeSync(1, lines.map((line) => `${line}\n`).join(""))
}

/** Prints the script of a shell, which reads it at each of its starts. False: that is for the whole program, which says what is wrong. */
export const printScript = ([shell = "", ...more]: ReadonlyArray<string>): boolean => {
  const known = shells.find((name) => name === shell)
  if (known === undefined || more.length > 0) return false
  try {
    writeSync(1, scripts[known])
    return true
  } catch {
    // The whole program tries again, and says why it cannot.
    return false
  }
}

const serversOf = (config: string | undefined, parse: Parse): ReadonlyArray<string> => {
  const places = config === undefined
    ? ConfigPlaces.found({ directory: process.cwd() })
    : [{ file: path.resolve(config), needsTrust: false }]
  const names: Array<string> = []
  for (const { file, needsTrust } of places) {
    try {
      if (!needsTrust || ConfigPlaces.trustOf(file) === "trusted") names.push(...serversIn(file, parse))
    } catch {
      // One that cannot be read hides nothing of the others here.
    }
  }
  return names
}

const serversIn = (file: string, parse: Parse): ReadonlyArray<string> => {
  const document = parse(readFileSync(file, "utf8"))
  for (const container of containers) {
    const servers = container.reduce<unknown>((value, name) => isMembers(value) ? value[name] : undefined, document)
    const names = Object.entries(isMembers(servers) ? servers : {}).flatMap(([name, entry]) =>
      isMembers(entry) && ("command" in entry || "url" in entry || "serverUrl" in entry || "httpUrl" in entry)
        ? [name]
        : []
    )
    if (names.length > 0) return names
  }
  return []
}
