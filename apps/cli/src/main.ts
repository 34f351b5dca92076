#!/usr/bin/env node
/**
 * The executable. Compiled code is cached before anything else is loaded: that halves the time to the first word. A shim stands beside a host
 * for as long as the host lives: it is a program of its own, and loads nothing of the rest.
 *
 * An old Node must be able to load this file, to be told that it is old: it imports what every Node has, and awaits nothing.
 */
import module from "node:module"
import { ExitCode } from "./ExitCode.ts"
import { complaintOf } from "./internal/nodeVersion.ts"

const start = (): void => {
  module.enableCompileCache()
  const argv = process.argv.slice(2)
  const whole = () => import("./internal/nodeMain.ts").then(({ main }) => main())
  if (argv[0] !== "connect" && argv[0] !== "wrap") return void whole()
  void import("./internal/shimMain.ts").then((shim) => shim.isShim(argv) ? shim.main(argv) : whole())
}

const complaint = complaintOf(process.versions.node)
if (complaint === undefined) start()
else {
  process.exitCode = ExitCode.unavailable
  process.stderr.write(`${complaint}\n`)
}
