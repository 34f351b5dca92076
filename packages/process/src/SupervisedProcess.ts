/**
 * Wraps the platform: spawns processes and adapts their events; `setImmediate` counts turns of the event loop, not time.
 *
 * A child process that is owned, watched and cleaned up: in a process group of its own, tagged in its environment, its stderr
 * always drained, its death told once, its end brought about step by step until nothing of it is left.
 *
 * Promises
 * - From the moment the process exists its Scope owns it: no interruption leaves one behind.
 * - `exit` is the death of the process itself, even if a descendant still holds its pipes open. What the process wrote to
 *   stderr before it died is in `stderrTail` by then.
 * - When `close` returns, no member of the group lives, nor a descendant that left it and still bears the tag (daemons, `setsid`), and
 *   the pipes are closed. The Scope closes the process in the same way.
 * - A child never blocks on stderr, however much it writes, and memory for it is bounded by `stderrBytes`. From `close` on
 *   it never blocks on stdout either: output without a reader is thrown away.
 * - No shell: `command` and `args` reach the program as they are.
 * - When this program ends, in whatever way, everything it has started ends with it: see `Reaper`.
 *
 * Gotchas
 * - A descendant that has left the group *and* was started with an environment without the tag is not found.
 * - A failed write to a dead child's stdin reaches the write's callback and the caller's `error` listeners, if any; without
 *   one it is ignored, because `exit` tells the same.
 * - The C library runs an executable file without a `#!` line with /bin/sh, as every POSIX program that starts others does.
 * - Windows is not supported: `spawn` fails and says so.
 */
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as ChildProcess from "node:child_process"
import { Socket } from "node:net"
import process from "node:process"
import type { Readable, Writable } from "node:stream"
import * as ChildEnvironment from "./ChildEnvironment.ts"
import * as ClosingLadder from "./internal/ClosingLadder.ts"
import * as Escapees from "./internal/Escapees.ts"
import * as FirstAndLast from "./internal/FirstAndLast.ts"
import * as LineSplitter from "./internal/LineSplitter.ts"
import * as LivingGroups from "./internal/LivingGroups.ts"
import * as PlainText from "./internal/PlainText.ts"
import * as ProcessGroup from "./internal/ProcessGroup.ts"
import * as Runtime from "./internal/Runtime.ts"
import * as SpawnDiagnosis from "./internal/SpawnDiagnosis.ts"
import * as Tag from "./internal/Tag.ts"
import { ProcessError, SpawnFailed } from "./ProcessError.ts"
import * as Reaper from "./Reaper.ts"

/** What to start, and how patiently to end it. */
export interface SpawnOptions {
  /** A name to be found in the child's PATH, or a path seen from `cwd`. */
  readonly command: string
  readonly args: ReadonlyArray<string>
  /** Default: this program's working directory. */
  readonly cwd?: string
  /** What the endpoint states, on top of what is inherited. */
  readonly env?: Readonly<Record<string, string>>
  /** Inherit this program's whole environment instead of the allow-list of `ChildEnvironment`. Default: false. */
  readonly inheritEnv?: boolean
  /** What there is to inherit. Default: this program's environment. */
  readonly parentEnv?: Readonly<Record<string, string | undefined>>
  /** How long the process may take to exit once its stdin has ended. Default: 2 seconds. */
  readonly gracePeriod?: Duration.Input
  /** How long the group may take to exit after TERM. Default: 2 seconds. */
  readonly terminateTimeout?: Duration.Input
  /** How long KILL may take before what survives it is left behind with a warning. Default: 5 seconds. */
  readonly killTimeout?: Duration.Input
  /**
   * What becomes of descendants that leave the process group (daemons, `setsid`): `kill` ends them with the process, `group`
   * lets them live on, for tools that are meant to outlive their server. Default: `kill`.
   */
  readonly descendants?: "kill" | "group"
  /** How many bytes of stderr `stderrTail` remembers: the first quarter, 4 KiB at most, and the last. Default: 16 KiB. */
  readonly stderrBytes?: number
  /**
   * Called with each line of stderr, without escape sequences and control characters; lines of more than 8192 characters
   * come in pieces. Called from a stream's event: what it throws is an uncaught exception.
   */
  readonly onStderrLine?: (line: string) => void
}

/** How a process ended. Exactly one of `code` and `signal` is set. */
export interface ProcessExit {
  readonly code: number | null
  readonly signal: string | null
  /** From the spawn to the exit, on the monotonic clock. */
  readonly uptimeMillis: number
}

/** A running process, owned by the Scope it was spawned in. */
export interface SupervisedProcess {
  /** Also the number of its process group. */
  readonly pid: number
  /** Node's stream as it is. */
  readonly stdin: Writable
  /**
   * Node's stream as it is, chunks of bytes. Reading it is the caller's part until `close`; during `close` only those who
   * listen to `data` without pausing get the rest, for other readers it is thrown away.
   */
  readonly stdout: Readable
  /**
   * stderr as text, without escape sequences and control characters. Of more than `stderrBytes` the beginning and the end, with a
   * line between them that says how much is left out: programs tell their trouble in either.
   */
  readonly stderrTail: () => string
  /** Waits for the death of the process. Any number of callers may wait. */
  readonly exit: Effect.Effect<ProcessExit>
  /**
   * Ends stdin, waits `gracePeriod`, sends TERM to the group, waits `terminateTimeout`, sends KILL, and returns when the group
   * is gone. Those who left the group get the same signals at the same time, unless `descendants` is `group`. A call while
   * another one is under way (the Scope's own included) is an immediate KILL; a call afterwards does nothing. Cannot be
   * interrupted, never fails.
   */
  readonly close: Effect.Effect<void>
  /**
   * From now on the process and its pipes keep this program alive, as they do from the start. A plain function: it may be called
   * from any callback, any number of times.
   */
  readonly ref: () => void
  /** From now on they do not: a program with nothing else to do ends, and the process with it. */
  readonly unref: () => void
}

/**
 * Starts a process in a group of its own, owned by the Scope from the very moment it exists.
 *
 * Fails with `ProcessError` when the process cannot be started. A process that starts and exits at once is a success whose
 * `exit` is soon there.
 *
 * @example
 * ```ts
 * import * as Effect from "effect/Effect"
 * import * as SupervisedProcess from "@holdfast/process/SupervisedProcess"
 *
 * const program = Effect.scoped(Effect.gen(function*() {
 *   const child = yield* SupervisedProcess.spawn({ command: "cat", args: [] })
 *   child.stdout.on("data", (chunk) => console.log(String(chunk)))
 *   child.stdin.end("hello")
 *   return yield* child.exit
 * }))
 * ```
 */
export const spawn = (options: SpawnOptions): Effect.Effect<SupervisedProcess, ProcessError, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.andThen(Reaper.start, Effect.flatMap(Clock.Clock, (clock) => start(options, clock))),
    (child) => child.close
  )

const start = (options: SpawnOptions, clock: Clock.Clock): Effect.Effect<SupervisedProcess, ProcessError> =>
  Effect.callback((resume) => {
    const { args, command, cwd } = options
    const refuse = (code: string, description: string): void =>
      resume(new ProcessError({ reason: new SpawnFailed({ command, code, description }) }))

    if (process.platform === "win32") {
      return refuse("ENOTSUP", "Windows is not supported; run this program in the Windows Subsystem for Linux")
    }
    // All that can be wrong with the options is found here: nothing may throw once the child exists.
    const fault = faultOf(options)
    if (fault !== undefined) return refuse("EINVAL", fault)
    const tag = Runtime.children.expect(options.descendants ?? "kill")
    const env = { ...ChildEnvironment.make(options), [Tag.variable]: Tag.format(tag) }
    const supervise = prepare(options, tag, clock)
    const fail = (error: unknown): void => {
      Runtime.children.remove(tag)
      resume(new ProcessError({ reason: SpawnDiagnosis.make(error, { command, cwd, env }) }))
    }

    let child: Child
    try {
      child = ChildProcess.spawn(command, args, {
        cwd,
        env,
        stdio: ["pipe", "pipe", "pipe"],
        // A group of its own.
        detached: true,
        shell: false
      })
    } catch (error) {
      return fail(error)
    }
    // Node forks and waits for exec within the call, so a pid means that the program runs. Without one the reason follows in
    // an event on the next tick. The listener stays: an `error` event without one would end this program.
    child.on("error", (error) => {
      // Later ones tell of signals that could not be sent.
      if (child.pid === undefined) fail(error)
    })
    if (child.pid !== undefined) resume(Effect.succeed(supervise(child, child.pid)))
  })

type Child = ChildProcess.ChildProcessByStdio<Writable, Readable, Readable>

const maxLineLength = 8192

const prepare = (
  options: SpawnOptions,
  tag: Tag.Tag,
  clock: Clock.Clock
): (child: Child, pid: number) => SupervisedProcess => {
  const gracePeriod = Duration.fromInputUnsafe(options.gracePeriod ?? "2 seconds")
  const terminateTimeout = Duration.fromInputUnsafe(options.terminateTimeout ?? "2 seconds")
  const killTimeout = Duration.fromInputUnsafe(options.killTimeout ?? "5 seconds")
  const { command, onStderrLine } = options
  const said = FirstAndLast.make(options.stderrBytes ?? 16 * 1024)
  const lines = onStderrLine === undefined
    ? undefined
    : LineSplitter.make(maxLineLength, (line) => onStderrLine(PlainText.make(line)))
  const exit = Deferred.makeUnsafe<ProcessExit>()
  const startedAt = clock.monotonicTimeNanosUnsafe()

  return (child, pid) => {
    const group = ProcessGroup.make(child, pid)
    Runtime.children.add(tag, pid, group.start)
    LivingGroups.add(group, tag.runtime)
    const forget = (): void => {
      LivingGroups.remove(group)
      Runtime.children.remove(tag)
    }
    const outputs = [child.stdout, child.stderr]
    const pipes = [child.stdin, ...outputs]

    child.once("exit", (code, signal) => {
      const uptimeMillis = Number(clock.monotonicTimeNanosUnsafe() - startedAt) / 1_000_000
      // Descendants that left the group are still found by the tag.
      if (group.isGone()) forget()
      afterPendingReads(outputs, () => Deferred.doneUnsafe(exit, Effect.succeed({ code, signal, uptimeMillis })))
    })
    // The child's death breaks its pipes, and `exit` is where that is told.
    for (const stream of pipes) stream.on("error", () => {})
    child.stderr.on("data", (chunk: Uint8Array) => {
      said.push(chunk)
      lines?.push(chunk)
    })
    if (lines !== undefined) child.stderr.once("close", lines.end)

    return {
      pid,
      stdin: child.stdin,
      stdout: child.stdout,
      stderrTail: () => plainText(said),
      exit: Deferred.await(exit),
      close: ClosingLadder.make({
        command,
        group,
        endInput: Effect.sync(() => {
          child.stdin.end()
          keepDrained(child.stdout)
        }),
        exited: Deferred.await(exit),
        gracePeriod,
        terminateTimeout,
        killTimeout,
        escapees: Escapees.find(Runtime.walk, tag, pid),
        afterwards: (isGone) =>
          Effect.gen(function*() {
            if (isGone) forget()
            yield* Effect.callback<void>((resume) => afterPendingReads(outputs, () => resume(Effect.void)))
            // A descendant that left the group may hold the other ends for ever; they must not keep this program alive.
            yield* release(pipes)
            // Only a process that was given up is still waited for here.
            child.unref()
          })
      }),
      ref: () => {
        child.ref()
        for (const stream of pipes) if (stream instanceof Socket) stream.ref()
      },
      unref: () => {
        child.unref()
        for (const stream of pipes) if (stream instanceof Socket) stream.unref()
      }
    }
  }
}

/** Each part by itself: an escape sequence that is cut off must not eat the line between them. */
const plainText = (said: FirstAndLast.FirstAndLast): string => {
  const { first, last } = said.text()
  const begun = PlainText.make(first)
  if (last === undefined) return begun
  const gap = `${begun === "" || begun.endsWith("\n") ? "" : "\n"}… ${last.omitted} bytes left out …\n`
  return begun + gap + PlainText.make(last.text)
}

const faultOf = (options: SpawnOptions): string | undefined => {
  const { args, command, cwd, env = {}, stderrBytes = 0 } = options
  if (command === "") return "the command is empty"
  // Node's own check would put the value into the message, and a value may be a secret.
  if (command.includes("\0")) return "the command contains a NUL character"
  const badArgument = args.findIndex((arg) => arg.includes("\0"))
  if (badArgument >= 0) return `argument ${badArgument + 1} contains a NUL character`
  if (cwd?.includes("\0") === true) return "cwd contains a NUL character"
  for (const [name, value] of Object.entries(env)) {
    if (name === "" || name.includes("=") || name.includes("\0")) {
      return `env has the impossible name ${JSON.stringify(name)}`
    }
    if (value.includes("\0")) return `the environment variable ${name} contains a NUL character`
  }
  if (!Number.isSafeInteger(stderrBytes) || stderrBytes < 0) {
    return `stderrBytes must be a whole number, got ${stderrBytes}`
  }
  for (const name of ["gracePeriod", "terminateTimeout", "killTimeout"] as const) {
    const patience = options[name] ?? 0
    if (!isPatience(patience)) return `${name} must be a duration, got ${String(patience)}`
  }
  return undefined
}

const isPatience = (input: Duration.Input): boolean =>
  Option.exists(Duration.fromInput(input), (duration) => !Duration.isNegative(duration))

/**
 * Goes on when what lies in the pipes by now has been read: after a turn of the event loop, with its poll phase between two
 * check phases, that brought nothing. A process that still writes gets no more than `maxTurns` of them.
 */
const afterPendingReads = (outputs: ReadonlyArray<Readable>, go: () => void): void => {
  const countBytes = (): number =>
    outputs.reduce((sum, stream) => sum + (stream instanceof Socket ? stream.bytesRead : 0), 0)
  let turns = 0
  let before = -1
  const turn = (): void => {
    const now = countBytes()
    if (now === before || turns === maxTurns) return go()
    before = now
    turns++
    setImmediate(turn)
  }
  setImmediate(turn)
}

const maxTurns = 64

/** Closes our ends of the pipes, and returns when they are closed and all their events have been told. */
const release = (pipes: ReadonlyArray<Readable | Writable>): Effect.Effect<void> =>
  Effect.callback((resume) => {
    const open = pipes.filter((pipe) => !pipe.closed)
    let left = open.length
    if (left === 0) return resume(Effect.void)
    for (const pipe of open) {
      pipe.once("close", () => --left === 0 ? resume(Effect.void) : undefined)
      pipe.destroy()
    }
  })

/**
 * From now on a process that writes to this stream is never blocked: a reader that reads goes on reading, one that pauses or never
 * began gives up the rest.
 */
const keepDrained = (stream: Readable): void => {
  const discard = (): void => {
    stream.removeAllListeners("data")
    stream.removeAllListeners("readable")
    stream.resume()
  }
  stream.on("pause", discard)
  if (stream.readableFlowing !== true) discard()
}
