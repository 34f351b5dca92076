/** Wraps the platform: one scan as this process, from its arguments to its exit code. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as CliCommand from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { command, ExitCode } from "../ScanCommand.ts"
import { version } from "./version.ts"

export const main = (): void => {
  let code: number = ExitCode.clean
  const run = CliCommand.runWith(command(version, (said) => void (code = said)), { version })
  NodeRuntime.runMain(run(process.argv.slice(2)).pipe(Effect.provide(NodeServices.layer)), {
    teardown: (exit, onExit) => onExit(Exit.isSuccess(exit) ? code : ExitCode.incomplete)
  })
}
