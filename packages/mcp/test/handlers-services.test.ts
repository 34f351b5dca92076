/** Handlers that need services, and links that are opened as a test says. */
import { assert, describe, it } from "@effect/vitest"
import { Endpoint } from "@holdfast/mcp/Endpoint"
import { LinkOpener, type OpenLink } from "@holdfast/mcp/LinkOpener"
import { McpConfig } from "@holdfast/mcp/McpConfig"
import { McpConnections } from "@holdfast/mcp/McpConnections"
import { MemoryServer } from "@holdfast/mcp/testing"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { passing } from "./support/memoryTime.ts"

class Workspace extends Context.Service<Workspace, { readonly folder: string }>()("test/Workspace") {}

const roots = () => Effect.map(Workspace, ({ folder }) => [{ uri: `file://${folder}` }])

describe("the handlers of an application", () => {
  it.effect("are given the services of the place where the runtime is made", () =>
    Effect.gen(function*() {
      const answered = yield* Deferred.make<unknown>()
      const server = yield* MemoryServer.make({
        era: "legacy",
        handlers: {
          "tools/list": (_, { connection }) =>
            Effect.sync(() => {
              connection.send({ jsonrpc: "2.0", id: "asked", method: "roots/list" })
              return { tools: [] }
            })
        }
      })
      const config = yield* McpConfig.make({ asking: server.endpoint })
      const layer = McpConnections.layer(config, { handlers: { roots } }).pipe(
        Layer.provide(Layer.succeed(Workspace, { folder: "/home/ada" }))
      )
      yield* Effect.provide(
        Effect.gen(function*() {
          const mcp = yield* McpConnections
          yield* mcp.request("asking", { method: "tools/list" })
          yield* passing("the answer", () =>
            server.received().some((frame) => {
              if (frame._tag !== "Success" || frame.id !== "asked") return false
              Deferred.doneUnsafe(answered, Effect.succeed(frame.result))
              return true
            }))
          assert.deepStrictEqual(yield* Deferred.await(answered), { roots: [{ uri: "file:///home/ada" }] })
        }),
        layer
      )
    }))
})

describe("an opener of links", () => {
  it.effect("may serve from memory what a config names as a command", () =>
    Effect.gen(function*() {
      const server = yield* MemoryServer.make({ tools: { greet: { run: () => Effect.succeed("hello") } } })
      const asked: Array<string> = []
      const inMemory = (open: OpenLink): OpenLink => (request, receiver) => {
        asked.push(request.server)
        return server.endpoint.open?.(request, receiver, open(request, receiver)) ?? open(request, receiver)
      }
      const config = yield* McpConfig.make({ fs: Endpoint.stdio({ command: "there-is-no-such-command" }) })
      const mcp = yield* Effect.provideService(McpConnections.make(config), LinkOpener, inMemory)
      const { content } = yield* mcp.callTool("fs", { name: "greet" })
      assert.deepStrictEqual(content, [{ type: "text", text: "hello" }])
      assert.deepStrictEqual(asked, ["fs"])
    }))

  it.effect("of an endpoint goes with its copies", () =>
    Effect.gen(function*() {
      const server = yield* MemoryServer.make({ tools: { greet: { run: () => Effect.succeed("hello") } } })
      const copy = server.endpoint._tag === "Stdio" ? Endpoint.stdio({ ...server.endpoint }) : server.endpoint
      assert.notStrictEqual(copy, server.endpoint)
      const mcp = yield* McpConnections.make(yield* McpConfig.make({}))
      const { content } = yield* mcp.callTool(copy, { name: "greet" })
      assert.deepStrictEqual(content, [{ type: "text", text: "hello" }])
    }))
})
