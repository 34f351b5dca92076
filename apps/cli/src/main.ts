#!/usr/bin/env node
/**
 * The executable. Compiled code is cached before the whole program is loaded: that halves the time to its first word. Some words are programs of
 * their own, which load nothing of the rest: a call and the tools that there are, which are to be as fast as a bare client of the daemon's socket (a cache would not make them any faster), what a shell asks at a Tab, and the shim, which
 * stands beside a host for as long as the host lives.
 *
 * An old Node must be able to load this file, to be told that it is old: it imports what every Node has, and awaits nothing.
 */
import { ExitCode } from "./ExitCode.ts"
import type { Session } from "./hot/Session.ts"
import { goWhereTheUserIs } from "./internal/goWhereTheUserIs.ts"
import { complaintOf } from "./internal/nodeVersion.ts"

const start = (): void => {
  const argv = process.argv.slice(2)
  goWhereTheUserIs()
  const whole = (session?: Session): void => {
    // What it is in is slow to load.
    process.getBuiltinModule("node:module").enableCompileCache()
    void import("./internal/nodeMain.ts").then(({ main }) => main(session))
  }
  switch (argv[0]) {
    case "call":
      return void import("./hot/hotMain.ts").then((hot) => hot.main(argv.slice(1), whole))
    case "tools":
      return void import("./hot/toolsMain.ts").then((hot) => hot.main(argv.slice(1), whole))
    case "connect":
    case "wrap":
      return void import("./internal/shimMain.ts").then((shim) => shim.isShim(argv) ? shim.main(argv) : whole())
    case "__complete":
      return void import("./hot/completionMain.ts").then((completion) => completion.answer(argv.slice(1)))
    case "completion":
      return void import("./hot/completionMain.ts").then((completion) => {
        if (!completion.printScript(argv.slice(1))) whole()
      })
    case "--version":
      return argv.length === 1 ? void import("./hot/hotMain.ts").then((hot) => hot.printVersion()) : whole()
    default:
      return whole()
  }
}

const complaint = complaintOf(process.versions.node)
if (complaint === undefined) start()
else {
  process.exitCode = ExitCode.unavailable
  process.stderr.write(`${complaint}\n`)
}
