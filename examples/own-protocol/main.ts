import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeStdio from "@effect/platform-node/NodeStdio"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Stdio } from "effect/Stdio"
import * as Stream from "effect/Stream"
import { Dictionary } from "./Dictionary.ts"

/** Every word that is typed is looked up. */
const program = Effect.gen(function*() {
  const dictionary = yield* Dictionary
  const { stdin } = yield* Stdio
  yield* Console.log("Which word?")
  yield* stdin.pipe(
    Stream.decodeText,
    Stream.splitLines,
    Stream.runForEach((word) =>
      Effect.flatMap(dictionary.define(word), (meaning) => Console.log(`${word}: ${meaning}`))
    )
  )
})

program.pipe(Effect.provide(Layer.mergeAll(NodeStdio.layer, Dictionary.layer)), NodeRuntime.runMain)
