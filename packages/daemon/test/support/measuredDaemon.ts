/** The daemon in the foreground, which appends the bytes of its heap, after a collection, to the file that is named whenever it gets SIGUSR2. */
import { appendFileSync } from "node:fs"
import { foreground } from "../../src/DaemonProcess.ts"

const collect = globalThis.gc
if (collect === undefined) throw new Error("start it with --expose-gc")
process.on("SIGUSR2", () => {
  collect()
  appendFileSync(process.argv[2] ?? "", `${process.memoryUsage().heapUsed}\n`)
})
foreground()
