/** A user of their own for one case: a home, and a config with the server. */
import { spawn } from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"
import { Home } from "../Home.ts"
import type { Peer } from "./peers.ts"

export interface Ran {
  readonly code: number | null
  readonly output: string
  readonly millis: number
}

/** Only keeps a program that hangs from holding up all of it. */
const patienceMillis = 600_000

const compileCache = path.resolve(import.meta.dirname, "../../../.tmp/scorecard/compile-cache")

export class World extends Home {
  constructor(entry: object, manner = "") {
    super()
    const one = { ...this.server(manner), ...entry }
    fs.writeFileSync(path.join(this.directory, "config.json"), JSON.stringify({ mcpServers: { one } }))
  }

  /** Runs a script of Node, as a shell runs an executable; or another program. */
  run(words: ReadonlyArray<string>, program = process.execPath): Promise<Ran> {
    const begun = performance.now()
    const child = spawn(program, words, {
      cwd: this.directory,
      // What has run once on a machine is compiled: a new home is no new machine.
      env: { ...this.environment(), NODE_COMPILE_CACHE: compileCache },
      stdio: ["ignore", "pipe", "pipe"]
    })
    let output = ""
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => output += String(chunk))
    const limit = globalThis.setTimeout(() => child.kill("SIGKILL"), patienceMillis)
    return new Promise((resolve) =>
      child.once("close", (code) => {
        clearTimeout(limit)
        resolve({ code, output, millis: performance.now() - begun })
      })
    )
  }

  /** Does what is the user's to do before calls. */
  async ready({ connect }: Peer): Promise<void> {
    if (connect === undefined) return
    const { code, output } = await this.run(connect)
    if (code !== 0) throw new Error(`it does not connect: ${output.trim().split("\n").at(-1)}`)
  }
}
