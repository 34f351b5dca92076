/**
 * A user of their own for a benchmark: a directory of state, a config with one server, and the daemon that the first command starts. The
 * `holdfast` is the one that is published, as a bundle.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { type ChildProcessWithoutNullStreams, execFileSync, spawn } from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"

const root = path.resolve(import.meta.dirname, "../../..")

/** The executable. */
export const holdfast = path.join(root, "apps/cli/dist/holdfast.cjs")

/** The server of all of them. */
export const server = path.join(root, "test/bench/mcp/echo-server.ts")

export interface World {
  readonly directory: string
  readonly environment: NodeJS.ProcessEnv
  readonly start: (args: ReadonlyArray<string>) => ChildProcessWithoutNullStreams
}

/** Node with these arguments, on one processor where that can be said. */
const command = (args: ReadonlyArray<string>): readonly [string, ReadonlyArray<string>] =>
  process.platform === "linux" ? ["taskset", ["-c", "0", process.execPath, ...args]] : [process.execPath, args]

/** Makes the executable anew, and a world for it. Its daemon has ended when the Scope has closed. */
export const make: Effect.Effect<World, never, Scope.Scope> = Effect.acquireRelease(
  Effect.sync(() => {
    execFileSync(process.execPath, [path.join(root, "scripts/build.ts")], { stdio: "ignore" })
    const directory = fs.mkdtempSync(path.join(os.tmpdir(), "hfb-"))
    const echo = { command: process.execPath, args: [server] }
    fs.writeFileSync(path.join(directory, ".mcp.json"), JSON.stringify({ mcpServers: { echo } }))
    const environment = {
      ...process.env,
      XDG_RUNTIME_DIR: "",
      XDG_STATE_HOME: directory,
      HOLDFAST_NO_DAEMON: "",
      HOLDFAST_DAEMON_IDLE: "1 hour"
    }
    return {
      directory,
      environment,
      start: (args: ReadonlyArray<string>) => {
        const [program, words] = command(args)
        return spawn(program, words, { cwd: directory, env: environment })
      }
    }
  }),
  ({ directory, environment }) =>
    Effect.sync(() => {
      execFileSync(process.execPath, [holdfast, "daemon", "stop"], {
        cwd: directory,
        env: environment,
        stdio: "ignore"
      })
      fs.rmSync(directory, { recursive: true, force: true })
    })
)

/** From the start to the end of a process that has to succeed and to say this, in milliseconds. */
export const timeOf = (world: World, args: ReadonlyArray<string>, expected: string): Effect.Effect<number, string> =>
  Effect.callback((resume) => {
    const begun = performance.now()
    const child = world.start(args)
    let said = ""
    child.stdout.setEncoding("utf8").on("data", (text: string) => said += text)
    child.once("close", (code) => {
      const millis = performance.now() - begun
      const isRight = code === 0 && said === expected
      resume(isRight ? Effect.succeed(millis) : Effect.fail(`${args.join(" ")} ended with ${code} and said ${said}`))
    })
    child.stdin.end()
    return Effect.sync(() => child.kill("SIGKILL"))
  })

/** A server over the pipes of a process. */
export interface Spoken {
  readonly child: ChildProcessWithoutNullStreams
  /** Asks, and resolves with the line of the answer. */
  readonly ask: (method: string, params: object) => Effect.Effect<string>
}

/** A process that is spoken to in lines. It has ended when the Scope has closed. */
export const speak = (world: World, args: ReadonlyArray<string>): Effect.Effect<Spoken, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => world.start(args)),
      (child) =>
        Effect.callback<void>((resume) => {
          if (child.exitCode !== null || child.signalCode !== null) return resume(Effect.void)
          child.once("exit", () => resume(Effect.void))
          child.stdin.end()
        })
    ),
    (child) => {
      let rest = ""
      let id = 0
      const waiting = new Map<number, (line: string) => void>()
      child.stdout.setEncoding("utf8").on("data", (text: string) => {
        const lines = (rest + text).split("\n")
        rest = lines.pop() ?? ""
        for (const line of lines) waiting.get(JSON.parse(line).id)?.(line)
      })
      return {
        child,
        ask: (method, params) =>
          Effect.callback((resume) => {
            waiting.set(++id, (line) => resume(Effect.succeed(line)))
            child.stdin.write(`${JSON.stringify({ jsonrpc: "2.0", id, method, params })}\n`)
          })
      }
    }
  )

export const initialize = {
  protocolVersion: "2025-11-25",
  capabilities: {},
  clientInfo: { name: "bench", version: "1" }
}

/** What one process has for itself, in KiB. */
export const privateKib = (pid: number | undefined): number => {
  const rollup = fs.readFileSync(`/proc/${pid}/smaps_rollup`, "utf8")
  return Number(/^Private_Dirty:\s+(\d+) kB$/m.exec(rollup)?.[1])
}
