/**
 * `clusterProgram.ts` as a child process, what it wrote, and what it answers.
 */
import type { JobStatus } from "@holdfast/jobs/JobStatus"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as childProcess from "node:child_process"
import * as fs from "node:fs"
import * as readline from "node:readline"
import { fileURLToPath } from "node:url"

export interface Options {
  readonly name: string
  readonly postgres:
    & { readonly database: string }
    & ({ readonly path: string } | { readonly host: string; readonly port: number })
  readonly log: string
  readonly kinds: ReadonlyArray<string>
  readonly version?: number
  /** The port of a store of others that its steps write into. */
  readonly outside?: number
  /** It has a kind `bomb`, too, whose jobs kill it. */
  readonly hasBomb?: boolean
  /** Default: that of the policy. */
  readonly leaseMillis?: number
  /** It only asks. */
  readonly isClient?: boolean
}

export type Question =
  | { readonly ask: "start"; readonly kind: string; readonly steps: number; readonly millis: number }
  | { readonly ask: "status"; readonly id: string }
  | { readonly ask: "cancel"; readonly id: string }
  | { readonly ask: "trouble" }

/** What a step did, in the order in which it happened anywhere. */
export interface Line {
  readonly name: string
  readonly at: number
  readonly what: "begin" | "end" | "stopped" | "done" | "undone" | "refused"
  readonly job: string
  readonly step: string
}

export class NoAnswer extends Data.TaggedError("NoAnswer")<{ readonly message: string }> {}

interface Said {
  readonly ready?: true
  readonly number?: number
  readonly ok?: unknown
  readonly failed?: string
}

export interface ClusterWorker {
  readonly pid: number
  readonly signal: (signal: NodeJS.Signals) => Effect.Effect<void>
  /** Ends with the process. */
  readonly ended: Effect.Effect<void>
  readonly stderr: () => string
  readonly start: (kind: string, steps: number, millis: number) => Effect.Effect<string, NoAnswer>
  readonly status: (id: string) => Effect.Effect<JobStatus, NoAnswer>
  readonly cancel: (id: string) => Effect.Effect<JobStatus, NoAnswer>
  readonly trouble: Effect.Effect<unknown, NoAnswer>
}

const program = fileURLToPath(new URL("./clusterProgram.ts", import.meta.url))

export const lines = (log: string): ReadonlyArray<Line> =>
  fs.existsSync(log)
    // Written by `clusterProgram.ts`.
    ? fs.readFileSync(log, "utf8").split("\n").filter((line) => line !== "").map((line) => JSON.parse(line) as Line)
    : []

/** Steps of which two runs overlapped: a run that was neither over nor stopped when another began. */
export const overlaps = (all: ReadonlyArray<Line>): ReadonlyArray<string> => {
  const running = new Map<string, string>()
  const found: Array<string> = []
  for (const { job, name, step, what } of all) {
    const key = `${job} ${step}`
    const by = running.get(key)
    if (what === "begin") {
      if (by !== undefined) found.push(`${key}: ${by} and ${name}`)
      running.set(key, name)
    } else if (by === name) running.delete(key)
  }
  return found
}

/** Starts one that is ready when this returns; killed with the Scope. */
export const start = (options: Options) =>
  Effect.gen(function*() {
    const child = yield* Effect.acquireRelease(
      Effect.sync(() => childProcess.spawn(process.execPath, [program, JSON.stringify(options)], { stdio: "pipe" })),
      (child) =>
        Effect.suspend(() => {
          child.kill("SIGCONT")
          child.kill("SIGKILL")
          return endOf(child)
        })
    )
    let stderr = ""
    child.stderr.on("data", (chunk) => stderr += String(chunk))
    child.stdin.on("error", () => undefined)
    let next = 0
    const waiting = new Map<number, (said: Said) => void>()
    let isReady: (() => void) | undefined
    readline.createInterface({ input: child.stdout }).on("line", (line) => {
      // Written by `clusterProgram.ts`.
      const said = JSON.parse(line) as Said
      if (said.ready === true) isReady?.()
      if (said.number !== undefined) waiting.get(said.number)?.(said)
    })
    const ask = <A>(question: Question) =>
      Effect.callback<A, NoAnswer>((resume) => {
        const number = ++next
        waiting.set(number, (said) => {
          waiting.delete(number)
          resume(
            // The type of what is asked.
            said.failed === undefined
              ? Effect.succeed(said.ok as A)
              : Effect.fail(new NoAnswer({ message: said.failed }))
          )
        })
        child.stdin.write(`${JSON.stringify({ number, question })}\n`)
        return Effect.sync(() => waiting.delete(number))
      })
    yield* Effect.callback<void, NoAnswer>((resume) => {
      isReady = () => resume(Effect.void)
      child.once("exit", () => resume(Effect.fail(new NoAnswer({ message: `${options.name} ended: ${stderr}` }))))
    })
    const worker: ClusterWorker = {
      pid: child.pid ?? 0,
      signal: (signal) => Effect.sync(() => void child.kill(signal)),
      ended: endOf(child),
      stderr: () => stderr,
      start: (kind, steps, millis) => ask({ ask: "start", kind, steps, millis }),
      status: (id) => ask({ ask: "status", id }),
      cancel: (id) => ask({ ask: "cancel", id }),
      trouble: ask({ ask: "trouble" })
    }
    return worker
  })

const endOf = (child: childProcess.ChildProcess): Effect.Effect<void> =>
  Effect.callback((resume) => {
    if (child.exitCode !== null || child.signalCode !== null) return resume(Effect.void)
    child.once("exit", () => resume(Effect.void))
  })
