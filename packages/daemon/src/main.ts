/**
 * The daemon's process, as `DaemonClient` starts it. Compiled code is cached before anything else is loaded.
 */
import { enableCompileCache } from "node:module"

enableCompileCache()
const { background } = await import("./DaemonProcess.ts")
background()
