#!/usr/bin/env node
/**
 * The executable. Compiled code is cached before anything else is loaded: that halves the time to the first word. What stands beside a host
 * for as long as it lives is another program, which loads nothing of the rest.
 */
import { enableCompileCache } from "node:module"

enableCompileCache()
const argv = process.argv.slice(2)
if (argv[0] === "connect" || argv[0] === "wrap") {
  const shim = await import("./internal/shimMain.ts")
  if (shim.isShim(argv)) await shim.main(argv)
  else (await import("./internal/nodeMain.ts")).main()
} else (await import("./internal/nodeMain.ts")).main()
