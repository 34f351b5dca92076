#!/usr/bin/env node
/** The executable `holdfast-jobs`. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as CliCommand from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import { createRequire } from "node:module"
import { command } from "./JobsCommand.ts"

// The file is this package's own, and has a version.
const { version } = createRequire(import.meta.url)("../package.json") as { readonly version: string }

CliCommand.run(command, { version }).pipe(
  // Logs go to stderr: stdout carries results only.
  Effect.provide([NodeServices.layer, Logger.layer([Logger.withConsoleError(Logger.formatSimple)])]),
  NodeRuntime.runMain
)
