/** A shim as a process: what it wants is its argument, as JSON. */
import * as Shim from "../../src/Shim.ts"

await Shim.run({
  ...JSON.parse(process.argv[2] ?? ""),
  program: "test shim",
  input: process.stdin,
  output: process.stdout
})
process.exit(0)
