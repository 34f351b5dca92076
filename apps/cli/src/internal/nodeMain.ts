/**
 * Runs the program as this process: signals interrupt it, its exit code becomes ours.
 *
 * The first SIGINT, SIGTERM or SIGHUP interrupts: calls in flight are cancelled at their servers, and every process that was
 * started is ended before we exit. A second one does not wait for that: it exits at once, and takes the processes along.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import { ExitCode } from "../ExitCode.ts"
import { Begun } from "../hot/Begun.ts"
import type { Session } from "../hot/hotMain.ts"
import { run } from "../Program.ts"
import { BegunCall } from "../Servers.ts"
import type { Shell } from "../Shell.ts"
import * as NodeShell from "./nodeShell.ts"

/** The words of this process. `session`: what the hot path has begun of them. */
export const main = (session?: Session): void =>
  runProgram(Effect.provideService(run(process.argv.slice(2)), BegunCall, session && new Begun(session)))

/** A program that succeeds with its exit code. */
export const runProgram = (program: Effect.Effect<number, never, Shell | NodeServices.NodeServices>): void => {
  const fiber = Effect.runFork(Effect.provide(program, Layer.merge(NodeServices.layer, NodeShell.layer)))
  let isStopping = false
  const stop = (): void => {
    if (isStopping) process.exit(ExitCode.interrupted)
    isStopping = true
    fiber.interruptUnsafe()
  }
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, stop)
  fiber.addObserver((exit) => {
    const exitCode = Exit.isSuccess(exit)
      ? exit.value
      : Cause.hasInterruptsOnly(exit.cause)
      ? ExitCode.interrupted
      : ExitCode.internal
    const report = exitCode === ExitCode.internal && Exit.isFailure(exit)
      ? `holdfast: a fault of holdfast itself; please report it:\n${Cause.pretty(exit.cause)}\n`
      : ""
    // An empty write comes after everything written before it.
    process.stderr.write(
      report,
      () => process.stdout.write("", () => process.exit(isStopping ? ExitCode.interrupted : exitCode))
    )
  })
}
