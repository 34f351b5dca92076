/** A home with a recording server, and what that has written down. */
import * as fs from "node:fs"
import * as path from "node:path"
import * as Home from "./Home.ts"
import * as Host from "./Host.ts"

const program = path.resolve(import.meta.dirname, "recordingServer.ts")

export type Era = "legacy" | "modern" | "late" | "changing"

export const make = (era: Era, extra?: Readonly<Record<string, string>>) => {
  const home = Home.make(extra)
  const file = path.join(home.directory, "record")
  const wants = {
    endpoint: { command: process.execPath, args: [program, file, era], cwd: home.directory },
    name: "rec"
  }
  const record = (): ReadonlyArray<string> =>
    fs.existsSync(file) ? fs.readFileSync(file, "utf8").trim().split("\n") : []
  const starts = (): ReadonlyArray<number> =>
    record().filter((line) => line.startsWith("start ")).map((line) => Number(line.slice(6)))
  return {
    home,
    wants,
    record,
    starts,
    connect: (wishes: object = {}) => Host.connect(home, { wants, ...wishes }),
    wrap: (wishes: object = {}) => Host.wrap(home, { wants, ...wishes }),
    [Symbol.asyncDispose]: () => home[Symbol.asyncDispose]()
  }
}
