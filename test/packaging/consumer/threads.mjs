// A thread with servers of its own, which is terminated while the program goes on. It says the number of a server that ends for
// nothing but KILL, and then that the thread is gone.
import * as SupervisedProcess from "@holdfast/process/SupervisedProcess"
import * as Effect from "effect/Effect"
import { isMainThread, parentPort, Worker } from "node:worker_threads"

if (isMainThread) {
  const worker = new Worker(new URL(import.meta.url))
  worker.once("message", async (server) => {
    console.log(server)
    process.stdin.once("data", async () => {
      await worker.terminate()
      console.log("terminated")
    })
  })
} else {
  const stubborn = "process.on('SIGTERM', () => {}); setInterval(() => {}, 1000); console.log('up')"
  Effect.runFork(Effect.scoped(Effect.gen(function*() {
    const child = yield* SupervisedProcess.spawn({ command: process.execPath, args: ["-e", stubborn] })
    child.stdout.once("data", () => parentPort.postMessage(child.pid))
    return yield* Effect.never
  })))
}
