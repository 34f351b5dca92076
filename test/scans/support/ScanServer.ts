/** The scan server as a process of its own, and clients of it. */
import { Endpoint, McpConfig, McpConnections } from "@holdfast/mcp"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import { type ChildProcess, spawn } from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { scanServer } from "../../Programs.ts"

const repository = path.resolve(import.meta.dirname, "../../..")

/** What scans read: a real tree of some hundred megabytes, one of fifty, and one of twenty. */
export const tree = path.join(repository, "node_modules")
export const smallTree = fs.realpathSync(path.join(tree, "effect"))
export const smallestTree = path.join(smallTree, "src")

export interface ScanServer {
  readonly url: string
  readonly pid: number
  /** Ends it, and says how it ended. */
  readonly stop: (signal: NodeJS.Signals) => Effect.Effect<number | NodeJS.Signals | null>
}

export const temporaryFolder = Effect.acquireRelease(
  Effect.sync(() => fs.mkdtempSync(path.join(os.tmpdir(), "hf-test-scans-"))),
  (folder) => Effect.sync(() => fs.rmSync(folder, { recursive: true, force: true }))
)

export const commandLine = (root: string, database: string, ...more: ReadonlyArray<string>): ReadonlyArray<string> => [
  scanServer,
  "--root",
  root,
  "--database",
  database,
  "--threads",
  "1",
  ...more
]

const ended = (child: ChildProcess): Effect.Effect<number | NodeJS.Signals | null> =>
  Effect.callback((resume) => {
    const done = (): void => resume(Effect.succeed(child.exitCode ?? child.signalCode))
    if (child.exitCode !== null || child.signalCode !== null) return done()
    child.once("exit", done)
  })

/** Starts it on this port, or on any that is free, and waits until it listens. */
export const start = (
  root: string,
  database: string,
  port = 0,
  environment: Readonly<Record<string, string>> = {}
): Effect.Effect<ScanServer, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.callback<{ readonly child: ChildProcess; readonly url: string }>((resume) => {
      const child = spawn(process.execPath, commandLine(root, database, "--port", String(port)), {
        stdio: ["ignore", "ignore", "pipe"],
        cwd: path.dirname(database),
        env: { ...process.env, ...environment }
      })
      let said = ""
      child.stderr.setEncoding("utf8").on("data", (text: string) => {
        said += text
        const url = /http:\/\/\S+\/mcp/.exec(said)?.[0]
        if (url !== undefined) resume(Effect.succeed({ child, url }))
      })
      child.once("exit", (code) => resume(Effect.die(new Error(`the scan server ended with ${code}: ${said}`))))
    }),
    ({ child }) => Effect.andThen(Effect.sync(() => child.kill("SIGKILL")), ended(child))
  ).pipe(Effect.map(({ child, url }) => ({
    url,
    // It runs: it has a pid.
    pid: child.pid ?? 0,
    stop: (signal) => Effect.andThen(Effect.sync(() => child.kill(signal)), ended(child))
  })))

/** A client of its own, as another program would be. It leaves when its Scope closes. */
export const connect = (url: string, era: "legacy" | "modern" = "legacy") =>
  Effect.flatMap(
    Effect.orDie(McpConfig.make({ scan: { endpoint: Endpoint.http({ url }), era } })),
    (config) => Effect.orDie(McpConnections.make(config))
  )

export type Client = McpConnections["Service"]

/** A tool's structured answer, or what its text says in JSON. */
export const call = (mcp: Client, name: string, args: object): Effect.Effect<Record<string, unknown>> =>
  Effect.orDie(mcp.callTool("scan", { name, arguments: { ...args } }, { idempotent: true, deadline: "5 minutes" }))
    .pipe(
      Effect.map(({ content, isError, structuredContent }) => {
        if (isError === true) throw new Error(`${name}: ${JSON.stringify(content)}`)
        const [first] = content
        const said = structuredContent ?? (first !== undefined && "text" in first ? JSON.parse(first.text) : undefined)
        return typeof said === "object" ? { ...said } : {}
      })
    )

export interface Seen {
  readonly state: unknown
  readonly percent: number
}

/** Looks at a scan every `interval` milliseconds until it is so, and returns all that was seen. */
export const poll = (
  mcp: Client,
  id: unknown,
  until: (seen: Seen) => boolean,
  interval = 20
): Effect.Effect<ReadonlyArray<Seen>> => {
  const all: Array<Seen> = []
  return call(mcp, "get_scan_progress", { id }).pipe(
    Effect.map(({ percent, state }): Seen => ({ state, percent: Number(percent) })),
    Effect.tap((seen) => Effect.sync(() => all.push(seen))),
    Effect.repeat({ schedule: Schedule.spaced(interval), until }),
    Effect.as(all)
  )
}

/** Whether no percentage is less than the one before. */
export const neverBack = (seen: ReadonlyArray<Seen>): boolean =>
  seen.every(({ percent }, i) => i === 0 || percent >= (seen[i - 1]?.percent ?? 0))

export const isOver = ({ state }: Seen): boolean => state !== "queued" && state !== "running"
