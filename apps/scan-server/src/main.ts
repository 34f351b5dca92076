#!/usr/bin/env node
/** The executable. Compiled code is cached before anything else is loaded. */
import { enableCompileCache } from "node:module"

enableCompileCache()
const { main } = await import("./internal/nodeMain.ts")
main()
