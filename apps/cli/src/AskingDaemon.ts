/**
 * What a command asks of the daemon, whose refusals are failures of the command.
 */
import { DaemonRefusal } from "@holdfast/daemon/DaemonRefusal"
import * as Effect from "effect/Effect"
import { isNativeError } from "node:util/types"
import { CliFailure } from "./CliFailure.ts"
import { ExitCode } from "./ExitCode.ts"

/** Asks. A defect of the daemon's client is reported as a fault of this program. */
export const askingDaemon = <A>(ask: () => Promise<A>): Effect.Effect<A, CliFailure> =>
  Effect.tryPromise({ try: ask, catch: failureOf })

/** The same for what is only looked up or written in the daemon's files. */
export const inDaemonFiles = <A>(look: () => A): Effect.Effect<A, CliFailure> =>
  Effect.try({ try: look, catch: failureOf })

const failureOf = (error: unknown): CliFailure =>
  new CliFailure({
    exitCode: !(error instanceof DaemonRefusal)
      ? ExitCode.internal
      : error.code === "BadWish"
      ? ExitCode.usage
      : ExitCode.cannotConnect,
    reason: error instanceof DaemonRefusal ? error.code : "Internal",
    message: isNativeError(error) ? error.message : String(error),
    details: error instanceof DaemonRefusal && error.code === "NotRunning"
      ? "  The next command that uses a server starts it, such as holdfast tools."
      : undefined
  })
