/** Resumption and push against the server of the official SDK, which nobody here wrote. */
import { assert, describe, it } from "@effect/vitest"
import { Endpoint } from "@holdfast/mcp/Endpoint"
import { McpConnection } from "@holdfast/mcp/McpConnection"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { eventually } from "./support/eventually.ts"
import * as SdkHttp from "./support/SdkHttp.ts"

const connect = (url: string, onNotification?: (method: string) => void) =>
  McpConnection.connect({
    server: "sdk",
    endpoint: Endpoint.http({ url }),
    era: "legacy",
    clientInfo: { name: "test", version: "1" },
    onNotification
  })

describe("an SDK server", () => {
  it.live("may end the stream of a call that goes on: its answer is fetched after the retry", () =>
    Effect.gen(function*() {
      const server = yield* SdkHttp.make
      let finish: (text: string) => void = () => {}
      server.onSlow = (endStream) => {
        endStream()
        return new Promise((resolve) => {
          finish = resolve
        })
      }
      const connection = yield* connect(server.url)
      const call = yield* Effect.forkChild(connection.request("tools/call", { name: "slow" }), {
        startImmediately: true
      })
      yield* eventually("resumed", () => server.gets.filter(({ from }) => from !== undefined).length === 1)
      finish("worth the wait")
      assert.deepStrictEqual(yield* Fiber.join(call), { content: [{ type: "text", text: "worth the wait" }] })
    }))

  it.live("loses every connection in the middle of a call, and the call has its answer all the same", () =>
    Effect.gen(function*() {
      const server = yield* SdkHttp.make
      let finish: ((text: string) => void) | undefined
      server.onSlow = () =>
        new Promise((resolve) => {
          finish = resolve
        })
      const notified: Array<string> = []
      const connection = yield* connect(server.url, (method) => void notified.push(method))
      yield* eventually("push stream", () => server.gets[0]?.isOpen() === true)
      server.mcp.sendToolListChanged()
      yield* eventually("a notification", () => notified.length === 1)
      const before = connection.received()
      const call = yield* Effect.forkChild(connection.request("tools/call", { name: "slow" }), {
        startImmediately: true
      })
      // The priming event must have arrived: without an id there is nothing to resume from.
      yield* eventually("running", () => finish !== undefined && connection.received() > before + 1)
      server.cut()
      finish?.("survived")
      // What is said while nobody listens is kept and told later.
      server.mcp.sendToolListChanged()
      assert.deepStrictEqual(yield* Fiber.join(call), { content: [{ type: "text", text: "survived" }] })
      yield* eventually("the other notification", () => notified.length === 2)
      assert.deepStrictEqual(notified, ["notifications/tools/list_changed", "notifications/tools/list_changed"])
    }))
})
