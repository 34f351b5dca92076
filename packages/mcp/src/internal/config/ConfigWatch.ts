/**
 * Follows a config file: takes what is in it whenever that is another config.
 *
 * Promises
 * - What counts is what is in the file, not what is told of it: it is looked at when the system says that something has changed, every ten
 *   seconds besides, and every second where the system says nothing, which the log tells with the reason and what to do.
 * - So it does not matter how it changes: written in place, replaced by a rename, removed and made again, by another target of a link on
 *   its way, in a folder that was gone for a while.
 * - What is no config leaves the last one in force, and is told of once, if it stays for half a second: files are written in pieces.
 * - Nothing ends it but its Scope.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import type { McpRuntimeError } from "../../McpRuntimeError.ts"
import { readTextFile } from "../nodePlatform.ts"
import * as FileHints from "./fileHints.ts"

export interface ConfigWatchOptions<Config> {
  /** For messages. */
  readonly file: string
  readonly path: string
  /** What was in the file before the config was read that is in force now. Undefined: it could not be read. */
  readonly seen: string | undefined
  readonly load: Effect.Effect<Config, McpRuntimeError>
  readonly take: (config: Config) => Effect.Effect<void>
}

/** A change is rarely alone. */
const settleTime = "100 millis"

/** What is being written is no config for a moment. */
const patience = "500 millis"

const whenTold = "10 seconds"
const whenNotTold = "1 second"

/** The text of the file, where it can be read. */
export const textOf = (path: string): Effect.Effect<string | undefined> =>
  Effect.map(Effect.option(readTextFile(path)), Option.getOrUndefined)

/** Follows the file until the Scope closes. */
export const follow = <Config>(options: ConfigWatchOptions<Config>): Effect.Effect<void, never, Scope.Scope> =>
  Effect.gen(function*() {
    const { file, load, path, take } = options
    const signal = yield* Queue.sliding<void>(1)
    const hints = yield* FileHints.make(path, () => void Queue.offerUnsafe(signal, undefined))
    let inForce = options.seen
    let lastSeen = options.seen
    let isTold = false
    let complaint: string | undefined

    /** A watch that does not work is told of once, and so is its return. */
    const renewHints = Effect.matchEffect(hints.renew, {
      onSuccess: (isComplete) => {
        isTold = isComplete
        if (complaint === undefined || !isComplete) return Effect.void
        complaint = undefined
        return Effect.logInfo(`${file}: its changes are watched again`)
      },
      onFailure: ({ code, folder }) => {
        isTold = false
        if (complaint === code) return Effect.void
        complaint = code
        return Effect.logWarning(
          `${file}: its changes cannot be watched (${folder}: ${code}), so it is looked at every second. ${
            adviceOn(code)
          }`
        )
      }
    })

    let faultTold: string | undefined
    const look: Effect.Effect<void> = Effect.gen(function*() {
      const text = yield* textOf(path)
      if (text === lastSeen) return
      const loaded = yield* Effect.result(load)
      if (loaded._tag === "Failure") {
        yield* Effect.sleep(patience)
        // It is being written, or was read in the middle: what it becomes is looked at instead.
        if ((yield* textOf(path)) !== text) return yield* look
        lastSeen = text
        const { message } = loaded.failure
        if (faultTold === message) return
        faultTold = message
        return yield* Effect.logWarning(`the config stays as it was: ${message}`)
      }
      lastSeen = text
      faultTold = undefined
      if (text === inForce) return
      inForce = text
      yield* take(loaded.success)
    })

    const rarely = yield* Schedule.toStepWithSleep(Schedule.spaced(whenTold))
    const often = yield* Schedule.toStepWithSleep(Schedule.spaced(whenNotTold))
    yield* Effect.forkScoped(
      Effect.forever(
        renewHints.pipe(
          Effect.andThen(look),
          Effect.catchDefect((defect) => Effect.logError(`${file}: a change could not be taken`, defect)),
          Effect.andThen(
            Effect.suspend(() =>
              Effect.raceFirst(Queue.take(signal), Effect.ignore(isTold ? rarely(undefined) : often(undefined)))
            )
          ),
          Effect.andThen(Effect.sleep(settleTime))
        )
      ),
      { startImmediately: true }
    )
  })

const adviceOn = (code: string): string => {
  switch (code) {
    case "ENOSPC":
      return "Raise the system's limit: sysctl fs.inotify.max_user_watches."
    case "EMFILE":
    case "ENFILE":
      return "Raise the system's limits: sysctl fs.inotify.max_user_instances, ulimit -n."
    case "EACCES":
    case "EPERM":
      return "Let this user read the folder."
    default:
      return "Changes are noticed all the same, a little later."
  }
}
