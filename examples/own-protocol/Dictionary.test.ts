import { assert, it } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import { type AddressInfo, createServer } from "node:net"
import { createInterface } from "node:readline"
import { Dictionary } from "./Dictionary.ts"

// Clients of other protocols have given it to the next caller: redis/redis-py#2624.
it.live("an answer that its caller did not wait for is given to no other", () =>
  Effect.gen(function*() {
    const isAsked = Deferred.makeUnsafe<void>()
    const server = createServer((socket) => {
      createInterface({ input: socket }).on("line", (word) => {
        // The first word is answered only when another one comes over the same connection.
        if (word === "slow") Deferred.doneUnsafe(isAsked, Effect.void)
        else socket.write(socket.bytesRead > "fast\n".length ? "of slow\nof fast\n" : "of fast\n")
      })
    })
    yield* Effect.acquireRelease(
      Effect.callback<void>((resume) => void server.listen(0, "127.0.0.1", () => resume(Effect.void))),
      () => Effect.sync(() => server.close())
    )
    // A server that listens on a port has such an address.
    const { port } = server.address() as AddressInfo
    const config = ConfigProvider.layer(ConfigProvider.fromUnknown({ DICTIONARY_PORT: port }))

    yield* Effect.gen(function*() {
      const dictionary = yield* Dictionary
      const caller = yield* Effect.forkChild(dictionary.define("slow"))
      yield* Deferred.await(isAsked)
      yield* Fiber.interrupt(caller)
      assert.strictEqual(yield* dictionary.define("fast"), "of fast")
    }).pipe(Effect.provide(Layer.provide(Dictionary.layer, config)))
  }))
