/** A home of its own for one case: what the server notes is a file in it, and every process that has this home belongs to the case. */
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { setTimeout } from "node:timers/promises"

/** How often something is looked for that is to come, fifty milliseconds apart: half a minute. */
const looks = 600

export class Home implements AsyncDisposable {
  readonly directory = fs.mkdtempSync(path.join(os.tmpdir(), "hfs-"))
  readonly #log = path.join(this.directory, "log")
  #calls = 0

  /** The command of the server, which notes what it does here. */
  server(manner = ""): { readonly command: string; readonly args: Array<string> } {
    return { command: process.execPath, args: [path.join(import.meta.dirname, "server.ts"), this.#log, manner] }
  }

  /** Of the processes that belong here. */
  environment(): Readonly<Record<string, string>> {
    return {
      HOME: this.directory,
      TMPDIR: this.directory,
      PATH: `${path.dirname(process.execPath)}:${process.env["PATH"]}`
    }
  }

  /** A text for one call. */
  text(): string {
    return `t${++this.#calls}`
  }

  /** How often this call has run. */
  runs(text: string): number {
    return this.#lines().filter((line) => line === `call ${text}`).length
  }

  /** Whether the server was told that this call is not wanted any more. */
  isCancelled(text: string): boolean {
    return this.#lines().includes(`cancelled ${text}`)
  }

  servers(): ReadonlyArray<number> {
    return this.#lines().flatMap((line) => line.startsWith("start ") ? [Number(line.slice(6))] : [])
  }

  /** Those of the servers that live. */
  serversAlive(): ReadonlyArray<number> {
    const alive = this.processes()
    return this.servers().filter((pid) => alive.includes(pid))
  }

  /** Everything that is no server. */
  others(): ReadonlyArray<number> {
    return this.processes().filter((pid) => !this.servers().includes(pid))
  }

  /** Waits until the server has this call. False: it does not come. */
  has(text: string): Promise<boolean> {
    return this.until(() => this.runs(text) > 0)
  }

  /** Waits until something is so. False: it does not come to be. */
  async until(isSo: () => boolean, tries = looks): Promise<boolean> {
    for (let left = tries; left > 0; left--) {
      if (isSo()) return true
      await setTimeout(50)
    }
    return isSo()
  }

  /** Those that have this home, and have not ended. */
  processes(): ReadonlyArray<number> {
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

  async [Symbol.asyncDispose](): Promise<void> {
    for (let left = this.processes(); left.length > 0; left = this.processes()) {
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
}
