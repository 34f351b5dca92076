/**
 * Wraps the platform: the daemon as this process, started by a program that wants it or kept in the foreground.
 */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Logger from "effect/Logger"
import * as Schedule from "effect/Schedule"
import * as fs from "node:fs"
import process from "node:process"
import * as Daemon from "./Daemon.ts"
import * as DaemonControl from "./DaemonControl.ts"
import * as DaemonPlace from "./DaemonPlace.ts"
import { DaemonRefusal } from "./DaemonRefusal.ts"
import { closeInherited, tameUmask } from "./internal/inherited.ts"
import { limitsOf } from "./internal/limitsOf.ts"
import * as logFile from "./internal/logFile.ts"
import { ownVersion } from "./internal/ownVersion.ts"
import * as RecentLines from "./internal/recentLines.ts"
import { readinessDescriptor } from "./internal/startDaemon.ts"

/** The daemon in the background. Tells its starter how its start went, and ends when it is idle. */
export const background = (): void => {
  closeInherited([readinessDescriptor])
  tameUmask()
  let isTold = false
  const tell = (word: string): void => {
    if (isTold) return
    isTold = true
    try {
      fs.writeSync(readinessDescriptor, `${word}\n`)
      fs.closeSync(readinessDescriptor)
    } catch {
      // The starter has gone. Others may want the daemon.
    }
  }
  const program = Effect.gen(function*() {
    const place = yield* opened
    const idleTimeout = yield* idleTimeoutOf(process.env)
    const limits = yield* limitsOf(process.env)
    const recent = RecentLines.make()
    const file = logFile.make(place.log)
    const writeCalls = (lines: ReadonlyArray<string>): void => {
      file.append(lines)
      recent.append(lines)
    }
    yield* untilItsTurn(
      place,
      (former) =>
        Daemon.run({
          place,
          idleTimeout,
          limits,
          version,
          makesWay: true,
          former,
          log: recent.feed,
          writeCalls,
          onReady: Effect.sync(() => tell("ready"))
        })
    ).pipe(Effect.scoped, Effect.provide(Logger.layer([file.logger, recent.logger])))
  })
  start(program, (failure) => tell(failure ?? "ready"))
}

/** The daemon in the foreground: for containers, systemd and launchd. Ends by a signal or by `holdfast daemon stop`. */
export const foreground = (): void => {
  const recent = RecentLines.make()
  const program = Effect.gen(function*() {
    const place = yield* opened
    const limits = yield* limitsOf(process.env)
    yield* Effect.scoped(
      Daemon.run({ place, idleTimeout: undefined, limits, version, makesWay: false, log: recent.feed })
    )
  }).pipe(Effect.provide(Logger.layer([Logger.withConsoleError(Logger.formatLogFmt), recent.logger])))
  start(program, (failure) => {
    if (failure !== undefined) process.stderr.write(`holdfast: ${failure}\n`)
  })
}

const version = ownVersion(process.env)

const opened = Effect.try({
  try: () => DaemonPlace.open(),
  catch: (error) => error instanceof DaemonRefusal ? error : new DaemonRefusal("NoPlace", String(error))
})

/** `HOLDFAST_DAEMON_IDLE` says how long; else ten minutes, and one where `CI` is set. */
const idleTimeoutOf = (
  environment: Readonly<Record<string, string | undefined>>
): Effect.Effect<Duration.Duration, DaemonRefusal> => {
  const said = environment["HOLDFAST_DAEMON_IDLE"]
  if (said === undefined || said === "") return Effect.succeed(Duration.minutes(environment["CI"] ? 1 : 10))
  // A text is a duration if Effect can read it as one: the cast claims nothing that is relied on.
  const read = Duration.fromInput(said as Duration.Input)
  return read._tag === "Some"
    ? Effect.succeed(read.value)
    : Effect.fail(new DaemonRefusal("NotStarted", `HOLDFAST_DAEMON_IDLE is no duration such as "10 minutes": ${said}`))
}

/**
 * The lock is free, or an older daemon makes way, or another one listens that is as good: then there is nothing to do. One that is about to
 * end listens no more, and has the lock until the last of its servers has ended.
 */
const untilItsTurn = <R>(
  place: DaemonPlace.DaemonPlace,
  run: (former: DaemonControl.Former | undefined) => Effect.Effect<void, DaemonRefusal, R>
): Effect.Effect<void, DaemonRefusal, R> => {
  let former: DaemonControl.Former | undefined
  return Effect.suspend(() => run(former)).pipe(
    Effect.catchIf(
      (refusal) => refusal.code === "NotStarted",
      (refusal) =>
        Effect.flatMap(Effect.promise(() => DaemonControl.replace(version, place)), (outcome) => {
          if (outcome === "it stays") return Effect.void
          if (outcome !== "it has left") former = outcome
          return Effect.fail(refusal)
        })
    ),
    Effect.retry({
      schedule: Schedule.spaced("50 millis").pipe(Schedule.upTo({ duration: "25 seconds" })),
      while: (refusal) => refusal.code === "NotStarted"
    })
  )
}

/** The first signal ends it in order, a second one at once. `onEnd` is given the sentence of a refusal. */
const start = (program: Effect.Effect<void, DaemonRefusal>, onEnd: (failure: string | undefined) => void): void => {
  const fiber = Effect.runFork(program)
  let isStopping = false
  const stop = (): void => {
    if (isStopping) process.exit(130)
    isStopping = true
    fiber.interruptUnsafe()
  }
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, stop)
  // A terminal that closes is no reason to end: the daemon belongs to the user, not to a terminal.
  process.on("SIGHUP", () => {})
  fiber.addObserver((exit) => {
    if (Exit.isSuccess(exit) || Cause.hasInterruptsOnly(exit.cause)) {
      onEnd(undefined)
      process.exit(0)
    }
    const error = Cause.squash(exit.cause)
    onEnd(error instanceof DaemonRefusal ? error.message : Cause.pretty(exit.cause))
    process.exit(1)
  })
}
