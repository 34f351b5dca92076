/** A program that opens a link, does its handshake, has the server's stream open, and then has nothing more to do. */
import * as Deadlines from "@holdfast/core/Deadlines"
import * as HttpLink from "@holdfast/mcp/HttpLink"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import { eventually } from "./eventually.ts"
import { RecordingOutbound, RecordingReceiver } from "./RecordingReceiver.ts"

const [, , url = ""] = process.argv

const program = Effect.gen(function*() {
  const receiver = new RecordingReceiver()
  const deadlines = yield* Deadlines.make
  const link = yield* HttpLink.make({ url, headers: {}, deadlines }, receiver)
  link.post(new RecordingOutbound(1, "initialize"))
  yield* eventually("initialized", () => receiver.answerTo(1) !== undefined)
  link.post(new RecordingOutbound(undefined, "notifications/initialized"))
  yield* eventually("something pushed", () => receiver.messages.length === 2)
})

// The Scope stays open: nothing is closed that might keep the program alive.
await Effect.runPromise(Scope.provide(program, Scope.makeUnsafe()))
