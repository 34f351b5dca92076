/** A user of their own for one case: a home, a config with the server, and every process that has this home. */
import { spawn } from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { setTimeout } from "node:timers/promises"
import type { Peer } from "./peers.ts"

export interface Ran {
  readonly code: number | null
  readonly output: string
  readonly millis: number
}

/** Only keeps a program that hangs from holding up all of it. */
const patienceMillis = 600_000

const compileCache = path.resolve(import.meta.dirname, "../../../.tmp/scorecard/compile-cache")

export class World implements AsyncDisposable {
  readonly directory = fs.mkdtempSync(path.join(os.tmpdir(), "hfs-"))
  readonly #log = path.join(this.directory, "log")
  #calls = 0

  constructor(entry: object, manner = "") {
    const args = [path.join(import.meta.dirname, "server.ts"), this.#log, manner]
    const one = { command: process.execPath, args, ...entry }
    fs.writeFileSync(path.join(this.directory, "config.json"), JSON.stringify({ mcpServers: { one } }))
  }

  /** A text for one call. */
  text(): string {
    return `t${++this.#calls}`
  }

  /** Runs a script of Node, as a shell runs an executable. */
  run(words: ReadonlyArray<string>): Promise<Ran> {
    const begun = performance.now()
    const { directory } = this
    const child = spawn(process.execPath, words, {
      cwd: directory,
      env: {
        HOME: directory,
        TMPDIR: directory,
        // What has run once on a machine is compiled: a new home is no new machine.
        NODE_COMPILE_CACHE: compileCache,
        PATH: `${path.dirname(process.execPath)}:${process.env["PATH"]}`
      },
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

  /** How often this call has run. */
  runs(text: string): number {
    return this.#lines().filter((line) => line === `call ${text}`).length
  }

  servers(): ReadonlyArray<number> {
    return this.#lines().flatMap((line) => line.startsWith("start ") ? [Number(line.slice(6))] : [])
  }

  /** Those of the servers that live. */
  serversAlive(): ReadonlyArray<number> {
    const alive = this.#processes()
    return this.servers().filter((pid) => alive.includes(pid))
  }

  /** Everything that is no server. */
  others(): ReadonlyArray<number> {
    return this.#processes().filter((pid) => !this.servers().includes(pid))
  }

  /** Waits until the server has this call. False: it does not come. */
  async has(text: string): Promise<boolean> {
    for (let tries = 0; tries < 600; tries++) {
      if (this.runs(text) > 0) return true
      await setTimeout(50)
    }
    return false
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (let left = this.#processes(); left.length > 0; left = this.#processes()) {
      for (const pid of left) {
        try {
          process.kill(pid, "SIGKILL")
        } catch {
          // It has ended in between.
        }
      }
      await setTimeout(100)
    }
    fs.rmSync(this.directory, { recursive: true, force: true })
  }

  #lines(): ReadonlyArray<string> {
    return fs.existsSync(this.#log) ? fs.readFileSync(this.#log, "utf8").split("\n") : []
  }

  #processes(): ReadonlyArray<number> {
    return fs.readdirSync("/proc").filter((name) => /^\d+$/.test(name)).map(Number).filter((pid) => {
      try {
        const isOurs = fs.readFileSync(`/proc/${pid}/environ`, "latin1").includes(`HOME=${this.directory}\0`)
        return isOurs && !/\) Z /.test(fs.readFileSync(`/proc/${pid}/stat`, "latin1"))
      } catch {
        // It has ended in between.
        return false
      }
    })
  }
}
