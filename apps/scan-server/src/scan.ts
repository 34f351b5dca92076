#!/usr/bin/env node
/** The executable of one scan. Compiled code is cached before anything else is loaded. */
import { enableCompileCache } from "node:module"

enableCompileCache()
const { main } = await import("./internal/nodeScanMain.ts")
main()
