/**
 * Wraps the platform: a program as this process, from its start to its exit code.
 *
 * The first SIGINT or SIGTERM interrupts the program, and what it does then is its drain; the second one ends the process at once.
 * The code is 0 after an end of its own or a signal that was obeyed, 1 after a failure, 128 and the signal's number when it was forced.
 *
 * A fault of one tool costs no other call. An unhandled rejection is logged, and the program goes on. After an uncaught error the program's state is
 * unknown: the error is logged, the program drains as by a signal, and the code is 1.
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Logger from "effect/Logger"
import * as Runtime from "effect/Runtime"
import { constants } from "node:os"
import { McpServerError } from "../McpServerError.ts"
import { complainOf } from "./complain.ts"

export interface MainOptions {
  /** Whether the end of the program is that of the process, whatever timers and sockets would keep it. A failure and a signal always are. */
  readonly isEnd: boolean
  readonly crashAtOnce?: boolean | undefined
}

const signals = ["SIGINT", "SIGTERM"] as const

/** Logs why it has failed: what is known by a sentence, what is not with all there is. */
export const run = <A, E>(
  program: Effect.Effect<A, E>,
  { crashAtOnce = false, isEnd }: MainOptions
): void => {
  // The reader of what a server prints may go; that ends no request.
  for (const stream of [process.stdout, process.stderr]) stream.on("error", ignore)
  const main = Runtime.makeRunMain(({ fiber, teardown }) => {
    let isSignalled = false
    let isBroken = false
    // By the program's own loggers, which are around what it is doing; without any, beside what it may say on stdout.
    const tell = (message: string, thrown: unknown): void =>
      void Effect.runForkWith(Context.add(fiber.context, Logger.LogToStderr, true))(complainOf(message, thrown))
    const onRejection = (reason: unknown): void =>
      tell("unhandled rejection: a promise was rejected, and no code handles it", reason)
    const onException = (thrown: unknown): void => {
      tell("uncaught error: the program drains and ends", thrown)
      isBroken = true
      fiber.interruptUnsafe(fiber.id)
    }
    if (!crashAtOnce) process.on("unhandledRejection", onRejection).on("uncaughtException", onException)
    const onSignal = (signal: typeof signals[number]): void => {
      if (isSignalled) process.exit(128 + constants.signals[signal])
      isSignalled = true
      fiber.interruptUnsafe(fiber.id)
    }
    for (const signal of signals) process.on(signal, onSignal)
    fiber.addObserver((exit) => {
      for (const signal of signals) process.off(signal, onSignal)
      process.off("unhandledRejection", onRejection).off("uncaughtException", onException)
      teardown(exit, (code) => {
        if (isBroken) process.exit(1)
        if (isSignalled || isEnd || code !== 0) process.exit(code)
      })
    })
  })
  main(Effect.tapCause(program, report), {
    disableErrorReporting: true,
    teardown: (exit, onExit) => onExit(Exit.isSuccess(exit) || Cause.hasInterruptsOnly(exit.cause) ? 0 : 1)
  })
}

const ignore = (): void => {}

/** The program's own loggers are within the program. */
const toStderr = Logger.layer([Logger.withConsoleError(Logger.formatSimple)])

const report = (cause: Cause.Cause<unknown>): Effect.Effect<void> => {
  const error = Cause.squash(cause)
  if (Cause.hasInterruptsOnly(cause) || !Runtime.getErrorReported(error)) return Effect.void
  return Effect.logError(error instanceof McpServerError && !Cause.hasDies(cause) ? error.message : cause).pipe(
    Effect.provide(toStderr)
  )
}
