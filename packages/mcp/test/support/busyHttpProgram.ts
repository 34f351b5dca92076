/**
 * A program that calls a server, is busy for longer than the socket is kept, and calls again: `node busyHttpProgram.ts <url>`. Says on
 * stdout what became of the second call.
 *
 * It calls in the phase of the event loop in which files and answers arrive, before any timer: what has happened to the socket meanwhile
 * is not known there yet.
 */
import * as Deadlines from "@holdfast/core/Deadlines"
import * as HttpLink from "@holdfast/mcp/HttpLink"
import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import { eventually } from "./eventually.ts"
import { RecordingOutbound, RecordingReceiver } from "./RecordingReceiver.ts"

const [, , url = ""] = process.argv

/** The server promises three seconds, and the link leaves a socket two seconds earlier than promised. */
const longerThanKept = 1100

const afterBusyTime = (then: () => void): Effect.Effect<void> =>
  Effect.callback((resume) => {
    fs.stat(import.meta.filename, () => {
      const end = performance.now() + longerThanKept
      while (performance.now() < end);
      then()
      resume(Effect.void)
    })
  })

const program = Effect.gen(function*() {
  const receiver = new RecordingReceiver()
  const link = yield* HttpLink.make({ url, headers: {}, deadlines: yield* Deadlines.make }, receiver)
  link.post(new RecordingOutbound(1, "ping"))
  yield* eventually("the first answer", () => receiver.answerTo(1) !== undefined)
  const call = new RecordingOutbound(2, "ping")
  yield* afterBusyTime(() => link.post(call))
  yield* eventually("a fate", () => receiver.answerTo(2) !== undefined || call.failures.length > 0)
  yield* Effect.sync(() => console.log(JSON.stringify(call.failures[0] ?? receiver.answerTo(2))))
})

await Effect.runPromise(Effect.scoped(program))
