/**
 * A result on stdout. One that cannot be written is a failure of its own, so that no script takes half an answer, or none, for
 * the answer.
 */
import * as Effect from "effect/Effect"
import { CliFailure } from "./CliFailure.ts"
import { ExitCode } from "./ExitCode.ts"
import { lostResult } from "./LostResult.ts"
import { Shell } from "./Shell.ts"

/** Prints the text as it is. `lost` begins the message that says that it could not be written. */
export const writeResult = (
  text: string | Uint8Array,
  lost = lostResult
): Effect.Effect<void, CliFailure, Shell> =>
  Effect.flatMap(Shell, ({ stdout }) => Effect.mapError(stdout.write(text), ({ message }) => unwritten(lost, message)))

/** The failure. `message` is the operating system's reason. */
export const unwritten = (lost: string, message: string): CliFailure =>
  new CliFailure({
    exitCode: ExitCode.outputUnwritable,
    reason: "OutputUnwritable",
    message: `${lost}: ${message}`,
    details: "  What is on stdout, if anything, is not all of it."
  })
