#!/usr/bin/env node
/**
 * The executable. Compiled code is cached before anything else is loaded: that halves the time to the first word.
 *
 * An old Node must be able to load this file, to be told that it is old: it imports what every Node has, and awaits nothing.
 */
import module from "node:module"
import { ExitCode } from "./ExitCode.ts"
import { complaintOf } from "./internal/nodeVersion.ts"

const complaint = complaintOf(process.versions.node)
if (complaint === undefined) {
  module.enableCompileCache()
  void import("./internal/nodeMain.ts").then(({ main }) => main())
} else {
  process.exitCode = ExitCode.unavailable
  process.stderr.write(`${complaint}\n`)
}
