/**
 * Long work behind a server: a scan of a real tree, polled by two clients. One of them is killed and comes back; the server is killed
 * and comes back. What each client sees is printed as it sees it.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { type ChildProcess, spawn } from "node:child_process"
import * as path from "node:path"
import * as Scans from "../scans/support/ScanServer.ts"
import * as ProcessTable from "./ProcessTable.ts"
import { meanwhile, say } from "./Stage.ts"

/** What happens, and from which percentage on. */
const turns = [
  { from: 15, what: "client B is killed" },
  { from: 25, what: "client B comes back, on a new connection" },
  { from: 50, what: "the server is killed (-9) and started again" }
] as const

class Poller {
  readonly seen: Array<number> = []
  #since = 0
  #child: ChildProcess | undefined
  readonly #url: string
  readonly #id: string

  constructor(url: string, id: string) {
    this.#url = url
    this.#id = id
  }

  start(): void {
    this.#since = this.seen.length
    const child = spawn(process.execPath, [path.join(import.meta.dirname, "poller.ts"), this.#url, this.#id], {
      stdio: ["ignore", "pipe", "inherit"],
      env: { ...process.env, [ProcessTable.tag.name]: ProcessTable.tag.value }
    })
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      for (const line of text.split("\n")) if (line !== "") this.seen.push(Number(line))
    })
    this.#child = child
  }

  readonly kill = Effect.callback<void>((resume) => {
    const child = this.#child
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return resume(Effect.void)
    child.once("exit", () => resume(Effect.void))
    child.kill("SIGKILL")
  })

  get last(): number | undefined {
    const isAlive = this.#child?.exitCode === null && this.#child.signalCode === null
    return isAlive && this.seen.length > this.#since ? this.seen.at(-1) : undefined
  }
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
    const { id } = yield* Scans.call(mcp, "run_scan", { path: "." })
    const other = yield* Effect.acquireRelease(
      Effect.sync(() => new Poller(server.url, String(id))),
      (poller) => poller.kill
    )
    other.start()
    const seen: Array<number> = []
    let turn = 0
    const row = (what = "") => {
      const seconds = (Number(clock.monotonicTimeNanosUnsafe() - begun) / 1e9).toFixed(1)
      const percent = (value: number | undefined) => (value === undefined ? "-" : `${value.toFixed(0)} %`).padStart(9)
      return say(`  ${seconds.padStart(6)} s ${percent(seen.at(-1))} ${percent(other.last)}   ${what}`.trimEnd())
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
      const isEarly = turn === 2 && other.last === undefined
      if (next === undefined || Number(percent) < next.from || isEarly) {
        yield* row()
      } else {
        if (turn === 0) yield* other.kill
        else if (turn === 1) other.start()
        else {
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
    const wentBack = [seen, other.seen].filter((percents) => !isMonotone(percents)).length
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
