/** Loaded before the demo by its test: notes in a file, a line each, what the demo starts, so that a failure can say so. */
import * as diagnostics from "node:diagnostics_channel"
import * as fs from "node:fs"

const file = process.env["HOLDFAST_DEMO_STARTS"]

if (file !== undefined) {
  // Only of the demo itself: its children would count their own.
  delete process.env["HOLDFAST_DEMO_STARTS"]
  diagnostics.subscribe("child_process", (message) => {
    const child = typeof message === "object" && message !== null && "process" in message ? message.process : undefined
    queueMicrotask(() => {
      const said = typeof child === "object" && child !== null && "spawnargs" in child ? child.spawnargs : undefined
      const command = Array.isArray(said) ? said.join(" ").slice(0, 200).replaceAll("\n", " ") : "?"
      fs.appendFileSync(file, `${performance.now().toFixed(0).padStart(8)} ms  ${command}\n`)
    })
  })
}
