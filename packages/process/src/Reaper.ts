/**
 * The reaper: a tiny process beside this program that ends what the program has started, should the program die in any way,
 * SIGKILL and the out-of-memory killer included.
 *
 * It holds the reading end of a pipe whose writing end only this program holds. When the pipe ends, it kills the process groups
 * of all children and sweeps the process table for their tag. One per runtime, started before the first child and kept until the
 * end of the program; a POSIX shell script, so that no file has to be found.
 *
 * Promises
 * - It starts by itself with the first spawn, never keeps this program alive, and is replaced if it dies.
 * - It touches nothing but registered groups whose leader is still the same process, and bearers of this runtime's tags.
 *
 * Gotchas: the tag is in a program's initial environment; a process that leaves the group *and* starts a program with an environment
 * without the tag is not found. Before the pipe ends nothing is done: a program that is stopped or hangs keeps its children.
 */
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import * as Runtime from "./internal/Runtime.ts"
import * as Tag from "./internal/Tag.ts"
import * as Janitor from "./Janitor.ts"

/** How the reaper of this program is doing. */
export interface Status {
  /**
   * `idle`: nothing was spawned yet. `given up`: it died more than five times within a minute, or could not be started; the
   * next spawn a minute later tries again.
   */
  readonly state: "idle" | "running" | "given up"
  readonly pid: number | undefined
  /** What it runs on, `none` while there is none. */
  readonly kind: "sh" | "none"
  /** In the tags of this program's children. */
  readonly runtime: string
  /** Children whose group it would kill. */
  readonly registered: number
}

/** The environment variable that holds a child's tag: `<runtime>.<number of the spawn>.<kill or group>`. */
export const tagName: string = Tag.variable

/**
 * Starts the reaper ahead of the first spawn, which else does it by itself, and cleans up after dead runtimes (`Janitor`).
 * Never fails: `status` tells.
 *
 * @example
 * ```ts
 * import * as Reaper from "@holdfast/process/Reaper"
 * import * as Effect from "effect/Effect"
 *
 * const program = Effect.gen(function*() {
 *   yield* Reaper.start
 *   const { kind, pid } = yield* Reaper.status
 *   yield* Effect.log(`the reaper is process ${pid}, run by ${kind}`)
 * })
 * ```
 */
export const start: Effect.Effect<void> = Effect.suspend(() => {
  if (prepared !== undefined) return Effect.andThen(Deferred.await(prepared), Effect.sync(Runtime.children.guard))
  const mine = prepared = Deferred.makeUnsafe<void>()
  return Effect.gen(function*() {
    const context = Context.omit(Scope.Scope)(yield* Effect.context<never>())
    Runtime.logWith((entry) => void Effect.runForkWith(context)(entry))
    // Whatever is wrong with other runtimes' leavings must not keep this one from working.
    yield* Effect.catchCause(Janitor.sweep, (cause) => Effect.logWarning("the janitor has failed", cause))
    Runtime.children.guard()
  }).pipe(Effect.onExit((exit) => Deferred.done(mine, exit)), Effect.uninterruptible)
})

/** The state of the reaper just now. */
export const status: Effect.Effect<Status> = Effect.sync(() => ({
  ...Runtime.children.status(),
  runtime: Runtime.id
}))

let prepared: Deferred.Deferred<void> | undefined
