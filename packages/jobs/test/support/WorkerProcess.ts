/**
 * `worker.ts` as a child process, and what it wrote.
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as childProcess from "node:child_process"
import * as fs from "node:fs"
import { fileURLToPath } from "node:url"
import type { Line } from "./CountJob.ts"

export class WorkerFailed extends Data.TaggedError("WorkerFailed")<{ readonly what: string }> {
  override get message() {
    return this.what
  }
}

export interface Options {
  readonly database: string
  readonly log: string
  readonly name: string
  readonly jobs: number
  readonly steps: number
  readonly stepMillis: number
  /** 0: the default policy. */
  readonly leaseMillis: number
  readonly machine?: string
  /** What it is started by. */
  readonly wrap?: ReadonlyArray<string>
  /** How far its clock is ahead of the others'. */
  readonly aheadMillis?: number
}

export interface Worker {
  readonly pid: number
  readonly signal: (signal: NodeJS.Signals) => Effect.Effect<void>
  /** Ends with the process: its exit code, or the signal. */
  readonly ended: Effect.Effect<number | NodeJS.Signals | null>
  readonly stderr: () => string
}

const program = fileURLToPath(new URL("./worker.ts", import.meta.url))

/** Starts one that is ready when this returns; killed with the Scope. */
export const start = (options: Options) =>
  Effect.gen(function*() {
    const { aheadMillis = 0, database, jobs, leaseMillis, log, machine = "", name, stepMillis, steps, wrap = [] } =
      options
    const [command = "", ...front] = [...wrap, process.execPath]
    const child = yield* Effect.acquireRelease(
      Effect.sync(() =>
        childProcess.spawn(
          command,
          [
            ...front,
            program,
            database,
            log,
            name,
            machine,
            ...[jobs, steps, stepMillis, leaseMillis, aheadMillis].map(String)
          ],
          { stdio: ["ignore", "pipe", "pipe"] }
        )
      ),
      (child) =>
        Effect.suspend(() => {
          child.kill("SIGKILL")
          return endOf(child)
        })
    )
    let stderr = ""
    child.stderr.on("data", (chunk) => stderr += String(chunk))
    yield* Effect.callback<void, WorkerFailed>((resume) => {
      child.stdout.once("data", () => resume(Effect.void))
      child.once("exit", (code, signal) =>
        resume(Effect.fail(new WorkerFailed({ what: `the worker ended with ${code ?? signal}: ${stderr}` }))))
    })
    const worker: Worker = {
      pid: child.pid ?? 0,
      signal: (signal) =>
        Effect.sync(() =>
          void child.kill(signal)
        ),
      ended: endOf(child),
      stderr: () => stderr
    }
    return worker
  })

const endOf = (child: childProcess.ChildProcess): Effect.Effect<number | NodeJS.Signals | null> =>
  Effect.callback((resume) => {
    const done = () => resume(Effect.succeed(child.exitCode ?? child.signalCode))
    if (child.exitCode !== null || child.signalCode !== null) done()
    else child.once("exit", done)
  })

/** What all workers wrote into the log so far; a line cut off by a kill is no line. */
export const lines = (log: string): ReadonlyArray<Line> =>
  (fs.existsSync(log) ? fs.readFileSync(log, "utf8") : "").split("\n").flatMap((text) => {
    try {
      return [JSON.parse(text)]
    } catch {
      return []
    }
  })
