/**
 * Wraps the platform: `holdfast __complete`, which a shell asks at a Tab. Starts nothing, asks nothing, loads no Effect. Says nothing of what is
 * wrong: a shell would print it into the line that is being written.
 */
import * as CatalogueFiles from "@holdfast/daemon/CatalogueFiles"
import { readFileSync, writeSync } from "node:fs"
import * as path from "node:path"
import * as ConfigPlaces from "../ConfigPlaces.ts"
import { containers } from "../internal/connectFile.ts"
import { answers } from "./Completion.ts"

/** Prints the answers, a line each, and ends. The exit code is 0 in any case. */
export const answer = async (words: ReadonlyArray<string>): Promise<void> => {
  try {
    const lines = await answers(words, { servers: serversOf, tools: CatalogueFiles.toolsOf })
    if (lines.length > 0) writeSync(1, lines.map((line) => `${line}\n`).join(""))
  } catch {
    // No answer is one, too.
  }
}

const serversOf = async (config: string | undefined): Promise<ReadonlyArray<string>> => {
  const places = config === undefined
    ? ConfigPlaces.found({ directory: process.cwd() })
    : [{ file: path.resolve(config), needsTrust: false }]
  const names: Array<string> = []
  for (const { file, needsTrust } of places) {
    try {
      if (!needsTrust || ConfigPlaces.trustOf(file) === "trusted") names.push(...await serversIn(file))
    } catch {
      // One that cannot be read hides nothing of the others here.
    }
  }
  return names
}

const serversIn = async (file: string): Promise<ReadonlyArray<string>> => {
  const document = await parse(readFileSync(file, "utf8"))
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

const parse = async (text: string): Promise<unknown> => {
  try {
    return JSON.parse(text)
  } catch {
    // With comments, which few have.
    const { parse } = await import("#jsonc-parser")
    return parse(text, [], { allowTrailingComma: true })
  }
}

const isMembers = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)
