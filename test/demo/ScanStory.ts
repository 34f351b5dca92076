/**
 * Long work behind a server: a scan of a real tree, polled by two clients. One of them is killed and comes back; the server is killed
 * and comes back. What each client sees is printed as it sees it.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { type ChildProcessByStdio, spawn } from "node:child_process"
import * as path from "node:path"
import { createInterface } from "node:readline"
import type { Readable, Writable } from "node:stream"
import * as Scans from "../scans/support/ScanServer.ts"
import * as ProcessTable from "./ProcessTable.ts"
import { meanwhile, say } from "./Stage.ts"

/** What happens, and from which percentage on. */
const turns = [
  { from: 5, what: "client B is killed" },
  { from: 10, what: "client B comes back, on a new connection" },
  { from: 40, what: "the server is killed (-9) and started again" }
] as const

/**
 * A client in a process of its own, which has loaded and waits to be told the scan. So what Node takes to start is no part of the story: it
 * took longer than a whole scan on a fast machine.
 */
class Poller {
  readonly seen: Array<number> = []
  readonly #child: ChildProcessByStdio<Writable, Readable, null>

  static readonly make = (url: string): Effect.Effect<Poller, never, Scope.Scope> =>
    Effect.acquireRelease(Effect.callback<Poller>((resume) => void new Poller(url, resume)), (poller) => poller.kill)

  private constructor(url: string, resume: (isReady: Effect.Effect<Poller>) => void) {
    const child = spawn(process.execPath, [path.join(import.meta.dirname, "poller.ts"), url], {
      stdio: ["pipe", "pipe", "inherit"],
      env: { ...process.env, [ProcessTable.tag.name]: ProcessTable.tag.value }
    })
    createInterface({ input: child.stdout }).on("line", (line) => {
      if (line === "ready") resume(Effect.succeed(this))
      else this.seen.push(Number(line))
    })
    child.once("exit", (code) => resume(Effect.die(new Error(`client B ended with ${code} before it was ready`))))
    this.#child = child
  }

  poll(id: string): void {
    this.#child.stdin.end(`${id}\n`)
  }

  get isAlive(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  readonly kill = Effect.callback<void>((resume) => {
    if (!this.isAlive) return resume(Effect.void)
    this.#child.once("exit", () => resume(Effect.void))
    this.#child.kill("SIGKILL")
  })
}

/** Tells the story, and fails if anything was lost. */
export const scanStory = Effect.suspend(() => {
  let doing = "starting the scan server"
  return meanwhile(() => doing, story((what) => doing = what))
})

const story = (tell: (doing: string) => void) =>
  Effect.scoped(Effect.gen(function*() {
    const clock = yield* Clock.Clock
    const begun = clock.monotonicTimeNanosUnsafe()
    const database = path.join(yield* Scans.temporaryFolder, "scans.db")
    let server = yield* Scans.start(Scans.smallTree, database)
    const { port } = new URL(server.url)
    // One of each era, and none has a session.
    const mcp = yield* Scans.connect(server.url, "modern")
    const before = yield* Poller.make(server.url)
    const after = yield* Poller.make(server.url)
    let other = before
    const { id } = yield* Scans.call(mcp, "run_scan", { path: "." })
    before.poll(String(id))
    const seen: Array<number> = []
    let turn = 0
    const row = (what = "") => {
      const seconds = (Number(clock.monotonicTimeNanosUnsafe() - begun) / 1e9).toFixed(1)
      const percent = (value: number | undefined) => (value === undefined ? "-" : `${value.toFixed(0)} %`).padStart(9)
      const others = other.isAlive ? other.seen.at(-1) : undefined
      return say(`  ${seconds.padStart(6)} s ${percent(seen.at(-1))} ${percent(others)}   ${what}`.trimEnd())
    }
    yield* say("  It reads the package effect, as it is installed in this repository.")
    yield* say("  A dash: this client has no answer yet, or is not there.")
    yield* say(`  ${"time".padStart(8)} ${"client A".padStart(9)} ${"client B".padStart(9)}`)
    tell("scanning")
    for (;;) {
      const { percent, state } = yield* Scans.call(mcp, "get_scan_progress", { id })
      seen.push(Number(percent))
      if (state !== "queued" && state !== "running") break
      const next = turns[turn]
      // Client B is to be there when its server is killed: it has seen it, and waits for it.
      const isEarly = turn === 2 && after.seen.length === 0
      if (next === undefined || Number(percent) < next.from || isEarly) {
        yield* row()
      } else {
        if (turn === 0) yield* before.kill
        else if (turn === 1) {
          other = after
          after.poll(String(id))
        } else {
          tell("starting the server again")
          yield* server.stop("SIGKILL")
          server = yield* Scans.start(Scans.smallTree, database, Number(port))
          tell("scanning")
        }
        turn++
        yield* row(next.what)
      }
      yield* Effect.sleep("200 millis")
    }
    const report = yield* Scans.call(mcp, "get_scan_results", { id })
    yield* row("the scan is complete")
    const { bytes, files, total } = readReport(report)
    yield* say(`  ${files} files, ${(bytes / 1e6).toFixed(0)} MB read, ${total} findings`)
    const isMonotone = (percents: ReadonlyArray<number>) =>
      percents.every((p, i) => i === 0 || p >= (percents[i - 1] ?? 0))
    const wentBack = [seen, [...before.seen, ...after.seen]].filter((percents) => !isMonotone(percents)).length
    yield* say(`  clients whose progress went back: ${wentBack}; polls that failed: 0`)
    const code = yield* server.stop("SIGTERM")
    if (wentBack > 0 || turn < turns.length || code !== 0) {
      return yield* Effect.die(new Error(`the story did not go as told: ${JSON.stringify({ wentBack, turn, code })}`))
    }
  }))

const readReport = (result: unknown): { readonly files: number; readonly bytes: number; readonly total: number } => {
  const report = typeof result === "object" && result !== null ? result : {}
  const member = (name: string): number => Number(Reflect.get(report, name))
  return { files: member("files"), bytes: member("bytes"), total: member("total") }
}
