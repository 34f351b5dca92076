#!/usr/bin/env node
/** The executable `holdfast-jobs`. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as CliCommand from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import { version } from "./internal/version.ts"
import { command } from "./JobsCommand.ts"

CliCommand.run(command, { version }).pipe(
  // Logs go to stderr: stdout carries results only.
  Effect.provide([NodeServices.layer, Logger.layer([Logger.withConsoleError(Logger.formatSimple)])]),
  NodeRuntime.runMain
)
