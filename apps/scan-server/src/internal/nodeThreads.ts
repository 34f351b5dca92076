/** Wraps the platform: threads, as resources that do one task at a time. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { Worker } from "node:worker_threads"
import type { Task, WorkerData } from "./scanWorker.ts"

export interface Thread {
  /** Does one task. `onPart` is told of the file with each part that it begins. Interrupting it, or its death, ends the thread. */
  readonly run: (task: Task, onPart?: (file: number) => void) => Effect.Effect<unknown, ThreadEnded>
  readonly isAlive: () => boolean
  /** Milliseconds of the processor it has had so far, also while a pattern keeps it from everything else. None while it does not run. */
  readonly processorMillis: Effect.Effect<number>
}

/** The thread is gone, and its task with it. */
export interface ThreadEnded {
  readonly _tag: "ThreadEnded"
  readonly description: string
}

type Said =
  | { readonly _tag: "At"; readonly file: number }
  | { readonly _tag: "Done"; readonly answer: unknown }

/** The thread itself starts with its first task: a server that is only asked what it can do starts none. */
export const make = (data: WorkerData): Effect.Effect<Thread, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync((): { worker: Worker | undefined; isAlive: boolean } => ({ worker: undefined, isAlive: true })),
      ({ worker }) => worker === undefined ? Effect.void : Effect.promise(() => worker.terminate())
    ),
    (thread): Thread => ({
      isAlive: () => thread.isAlive,
      processorMillis: Effect.suspend(() => {
        const { worker } = thread
        if (worker === undefined) return Effect.succeed(0)
        return Effect.match(Effect.tryPromise(() => worker.cpuUsage()), {
          onSuccess: ({ system, user }) => (system + user) / 1000,
          onFailure: () => 0
        })
      }),
      run: (task, onPart) =>
        Effect.callback<unknown, ThreadEnded>((resume) => {
          const ended = (description: string): void => {
            // Its exit is told of later: meanwhile nothing else may be given to it.
            thread.isAlive = false
            quiet()
            resume(Effect.fail<ThreadEnded>({ _tag: "ThreadEnded", description }))
          }
          const onMessage = (said: Said): void => {
            if (said._tag === "At") return onPart?.(said.file)
            quiet()
            resume(Effect.succeed(said.answer))
          }
          const onError = (error: Error): void => ended(error.message)
          const onExit = (): void => ended("the thread has ended")
          const quiet = (): void => {
            thread.worker?.off("message", onMessage).off("error", onError).off("exit", onExit)
          }
          if (!thread.isAlive) return ended("the thread has ended")
          const worker = thread.worker ??= start(data, () => void (thread.isAlive = false))
          worker.on("message", onMessage).on("error", onError).on("exit", onExit)
          worker.postMessage(task)
          return Effect.suspend(() => {
            quiet()
            thread.isAlive = false
            return Effect.promise(() => worker.terminate())
          })
        })
    })
  )

const start = (workerData: WorkerData, onExit: () => void): Worker => {
  const program = new URL(import.meta.url.endsWith(".ts") ? "./scanWorker.ts" : "./scanWorker.js", import.meta.url)
  return new Worker(program, { workerData }).once("exit", onExit)
}
