// A host program as somebody ships it: one file, from a folder that cannot be written. It keeps a server that ends for nothing
// but KILL, and says both numbers.
import * as SupervisedProcess from "@holdfast/process/SupervisedProcess"
import * as Effect from "effect/Effect"
import process from "node:process"

const stubborn = "process.on('SIGTERM', () => {}); setInterval(() => {}, 1000); console.log('up')"

Effect.runFork(Effect.scoped(Effect.gen(function*() {
  const child = yield* SupervisedProcess.spawn({ command: process.execPath, args: ["-e", stubborn] })
  child.stdout.once("data", () => console.log(JSON.stringify({ host: process.pid, server: child.pid })))
  return yield* Effect.never
})))
