/**
 * Effect's `ChildProcessSpawner` without orphans: whatever a program starts through `effect/process` ends with that program, however it ends.
 *
 * The layer goes around the spawner of a platform, such as Node's. Each command is tagged in its environment and registered with the `Reaper` before it
 * starts. So every Effect program gains what `SupervisedProcess` promises for the death of its owner, and so does the stdio transport of
 * `effect/ai/McpClient`.
 *
 * Promises
 * - When this program dies, SIGKILL included, its children end, their process groups, and the descendants that left these groups.
 * - When the Scope of a process closes, the platform ends its group as ever. Descendants that left the group get TERM then, and KILL two seconds later.
 * - Everything else (pipes, exit codes, errors, signals) is the platform's own.
 *
 * **Gotchas**
 * - A command that does not say `forceKillAfter` gets two seconds: a process that is deaf to TERM would keep its Scope open for ever otherwise.
 * - A process that was given up by `unref` outlives its Scope. It does not outlive this program.
 * - A descendant that left the group and was started with an environment without the tag is not found.
 *
 * @example
 * ```ts
 * import * as NodeServices from "@effect/platform-node/NodeServices"
 * import * as OrphanFreeSpawner from "@holdfast/process/OrphanFreeSpawner"
 * import * as McpClient from "effect/ai/McpClient"
 * import * as McpProtocol from "effect/ai/McpProtocol"
 * import * as Layer from "effect/Layer"
 * import * as ChildProcess from "effect/process/ChildProcess"
 *
 * export const client = McpClient.layerStdio({
 *   name: "agent",
 *   version: "1.0.0",
 *   protocol: McpProtocol.v2025_11_25,
 *   command: ChildProcess.make("npx", ["-y", "@modelcontextprotocol/server-everything"])
 * }).pipe(Layer.provide(OrphanFreeSpawner.layer), Layer.provide(NodeServices.layer))
 * ```
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as PlatformError from "effect/PlatformError"
import * as ChildProcess from "effect/process/ChildProcess"
import * as Spawner from "effect/process/ChildProcessSpawner"
import * as Scope from "effect/Scope"
import * as ClosingLadder from "./internal/ClosingLadder.ts"
import * as Escapees from "./internal/Escapees.ts"
import * as ProcFs from "./internal/ProcFs.ts"
import * as Runtime from "./internal/Runtime.ts"
import * as Tag from "./internal/Tag.ts"
import * as Reaper from "./Reaper.ts"

/** Goes around the spawner that is provided to it. Never fails; `Reaper.status` tells whether there is a reaper. */
export const layer: Layer.Layer<Spawner.ChildProcessSpawner, never, Spawner.ChildProcessSpawner> = Layer.effect(
  Spawner.ChildProcessSpawner,
  Effect.map(Spawner.ChildProcessSpawner, (platform) => Spawner.make((command) => spawn(platform, command)))
)

const patience = Duration.seconds(2)
const killTimeout = Duration.seconds(5)

const spawn = (
  platform: Spawner.ChildProcessSpawner["Service"],
  command: ChildProcess.Command
): Effect.Effect<Spawner.ChildProcessHandle, PlatformError.PlatformError, Scope.Scope> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.gen(function*() {
      yield* Reaper.start
      const tag = Runtime.children.expect("kill")
      let started: Spawner.ChildProcessHandle | undefined
      let isReferenced = true
      // One after the other: first the platform ends what it has started, then what is left is looked for.
      const own = yield* Scope.fork(yield* Effect.scope, "sequential")
      yield* Scope.addFinalizer(
        own,
        Effect.suspend(() => {
          if (started === undefined) return Effect.sync(() => Runtime.children.remove(tag))
          const swept = sweep(nameOf(command), tag, started.pid)
          if (isReferenced) return swept
          // Given up by its owner, and alive: it stays registered, and ends with this program.
          return Effect.flatMap(
            Effect.orElseSucceed(started.isRunning, () => false),
            (isRunning) => isRunning ? Effect.void : swept
          )
        })
      )
      const handle = yield* restore(platform.spawn(tagged(command, Tag.format(tag)))).pipe(
        Scope.provide(own),
        Effect.onError(() => Effect.sync(() => Runtime.children.remove(tag)))
      )
      started = handle
      // A process without a group of its own is found by its tag alone.
      if (leadsGroup(command)) Runtime.children.add(tag, handle.pid, ProcFs.stat(handle.pid)?.start ?? "0")
      return Spawner.makeHandle({
        ...handle,
        unref: Effect.map(handle.unref, (ref) => {
          isReferenced = false
          return Effect.tap(ref, () => Effect.sync(() => void (isReferenced = true)))
        })
      })
    })
  )

/** Ends all that bear the tag. The group is the platform's to end, and is gone by then as far as it could be ended. */
const sweep = (command: string, tag: Tag.Tag, pid: number): Effect.Effect<void> =>
  ClosingLadder.make({
    command,
    group: { id: pid, start: "0", signal: () => "gone", isGone: () => true },
    endInput: Effect.void,
    exited: Effect.void,
    gracePeriod: Duration.zero,
    terminateTimeout: patience,
    killTimeout,
    // No group has this number: members of the group that could not be ended are looked for, too.
    escapees: Escapees.find(Runtime.walk, tag, 0),
    afterwards: (isGone) => Effect.sync(() => isGone ? Runtime.children.remove(tag) : undefined)
  })

/** The command, each of a pipeline, with the tag in its environment. */
const tagged = (command: ChildProcess.Command, tag: string): ChildProcess.Command => {
  if (command._tag === "PipedCommand") {
    return ChildProcess.pipeTo(tagged(command.left, tag), tagged(command.right, tag), command.options)
  }
  const { args, options } = command
  const { env, extendEnv, forceKillAfter = patience } = options
  return ChildProcess.make(command.command, args, {
    ...options,
    forceKillAfter,
    env: { ...env, [Tag.variable]: tag },
    // Without an environment of its own it has this program's.
    extendEnv: extendEnv ?? env === undefined
  })
}

const leadsGroup = (command: ChildProcess.Command): boolean =>
  command._tag === "PipedCommand" ? leadsGroup(command.right) : command.options.detached !== false

const nameOf = (command: ChildProcess.Command): string =>
  command._tag === "PipedCommand" ? nameOf(command.right) : command.command
