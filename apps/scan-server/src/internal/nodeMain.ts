/** Runs the scan server as this process: signals drain it, and its end is the process's. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as StdioHost from "@holdfast/server/StdioHost"
import * as CliCommand from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { command } from "../Program.ts"
import { version } from "./version.ts"

export const main = (): void =>
  // Logs go to stderr in both ways of serving: over stdio stdout belongs to the protocol.
  StdioHost.runMain(
    CliCommand.runWith(command(version), { version })(process.argv.slice(2)).pipe(Effect.provide(NodeServices.layer))
  )
