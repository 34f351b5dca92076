/**
 * Transcripts in documents: commands after `$`, and what they print, run on real servers in a folder of their own.
 *
 * What differs from run to run (times, numbers of processes, sizes) is told apart from what does not by `comparable`. Folders are written as a
 * user's would be.
 */
import * as fs from "node:fs"
import { createRequire } from "node:module"
import * as path from "node:path"
import type { Ran } from "./Cli.ts"
import * as DaemonWorld from "./DaemonWorld.ts"
import { wordRunner } from "./program.ts"

export interface Folder extends AsyncDisposable {
  /** What a terminal shows of the command, line by line, without the command itself. */
  readonly run: (command: string) => Promise<ReadonlyArray<string>>
}

/** A folder with a config of two servers: `fs` works, `db` does not start. */
export const makeFolder = (): Folder => {
  const world = DaemonWorld.make()
  const { directory } = world
  const { resolve } = createRequire(import.meta.url)
  const filesystem = resolve("@modelcontextprotocol/server-filesystem/dist/index.js")
  fs.writeFileSync(path.join(directory, "notes.txt"), "Buy milk\n")
  fs.writeFileSync(
    path.join(directory, "db.js"),
    "console.error(\"DATABASE_URL is not set\")\nprocess.exitCode = 1\n"
  )
  fs.writeFileSync(
    path.join(directory, ".mcp.json"),
    JSON.stringify({
      mcpServers: {
        fs: { command: process.execPath, args: [filesystem, "."] },
        db: { command: process.execPath, args: ["db.js"], holdfast: { maxConnectRetries: 0 } }
      }
    })
  )
  /** The longest first: one may lie in another. */
  const names = [
    [filesystem, "/usr/lib/server-filesystem.js"],
    [process.execPath, "/usr/bin/node"],
    [fs.realpathSync(process.execPath), "/usr/bin/node"],
    [wordRunner, "/usr/bin/holdfast"],
    [process.env["PATH"] ?? "", "/usr/local/bin:/usr/bin:/bin"],
    [directory, "/home/me/project"]
  ] as const
  const renamed = (text: string): string => names.reduce((all, [from, to]) => all.replaceAll(from, to), text)
  return {
    run: async (command) => {
      const ran = await world.runCheaply(...wordsOf(command))
      return renamed(shownOf(ran)).split("\n").map((line) => line.trimEnd())
    },
    [Symbol.asyncDispose]: () => world[Symbol.asyncDispose]()
  }
}

/** As on a terminal: both streams, and the exit code where it is not 0. */
const shownOf = ({ code, stderr, stdout }: Ran): string =>
  [stdout, stderr].map((text) => text.replace(/\n$/, "")).filter((text) => text !== "").join("\n") +
  (code === 0 ? "" : `${stdout + stderr === "" ? "" : "\n"}[exit code ${code}]`)

/** `holdfast`, then words, as a shell splits them; a word may be in single quotes. */
const wordsOf = (command: string): ReadonlyArray<string> => {
  const [program, ...words] = [...command.matchAll(/'([^']*)'|[^\s']+/g)].map(([whole, quoted]) => quoted ?? whole)
  if (program !== "holdfast") throw new Error(`a transcript runs holdfast, not ${program}`)
  return words
}

/** A document with what its commands print now. `indent`: before each line of a transcript. */
export const rerun = async (document: string, { isTranscript, indent = "" }: {
  readonly isTranscript: (before: string) => boolean
  readonly indent?: string
}): Promise<string> => {
  await using folder = makeFolder()
  const done: Array<string> = []
  let count = 0
  let isWithin = false
  let previous = ""
  for (const line of document.split("\n")) {
    const isCommand = line.startsWith(`${indent}$ `)
    const isEnd = indent === "" ? line.startsWith("```") : line !== "" && !line.startsWith(indent)
    if (isWithin && isEnd) {
      isWithin = false
      if (indent !== "") done.push("")
    } else if (!isWithin && isTranscript(previous) && (indent === "" ? line.startsWith("```") : isCommand)) {
      isWithin = true
      if (indent === "") done.push(line)
    } else if (isWithin && isCommand && indent !== "") done.push("")
    if (line !== "") previous = line
    if (!isWithin) done.push(line)
    else if (isCommand) {
      count++
      const text = await folder.run(line.slice(indent.length + 2))
      done.push(line, ...text.map((each) => each === "" ? "" : indent + each))
    }
  }
  if (count === 0) throw new Error("the document has no transcript")
  return done.join("\n")
}

/** Without what differs from run to run. */
export const comparable = (text: string): string =>
  text
    // A process is given back when its client has gone, which may be after what comes next.
    .replaceAll(/^\d\d:\d\d:\d\d {2}returned .*\n/gm, "")
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "<time>")
    .replaceAll(/\b\d\d:\d\d:\d\d\b/g, "<time>")
    .replaceAll(/\b\d+(?:\.\d+)? (?:ms|s|min)\b/g, "<span>")
    .replaceAll(/\b\d+(?:\.\d+)? [KMG]B\b/g, "<size>")
    .replaceAll(/\bv?\d+\.\d+\.\d+\b/g, "<version>")
    .replaceAll(/"(?:pid|at|millis|startedAt|ageMillis|rss|pss)":[\d.]+/g, "<number>")
    .replaceAll(/\b\d{3,7}\b/g, "<number>")
    .replaceAll(/ +/g, " ")
