/**
 * Numbers and absences that JSON can say and JavaScript, or the SDK, cannot keep: each is refused in words or taken for what it is, and costs
 * nothing but its own request. Among them what was reported of others: modelcontextprotocol/python-sdk#176, apify/apify-mcp-server#1360, typescript-sdk#2283.
 */
import { assert, describe, it } from "@effect/vitest"
import * as EffectTool from "@holdfast/server/EffectTool"
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import { z } from "zod"
import { eventually } from "./support/eventually.ts"
import { everyHost } from "./support/everyHost.ts"
import { open as openHttp } from "./support/hosted.ts"
import { RawClient } from "./support/rawClient.ts"

const counting = Effect.sync(() => {
  const seen = { questions: 0, cancelled: 0, waiting: 0 }
  const server = Effect.gen(function*() {
    const mcp = new McpServer({ name: "counting", version: "1" })
    yield* EffectTool.register(mcp, "count", {}, (_, { progress }) => Effect.as(progress({ progress: 1 }), "counted"))
    yield* EffectTool.register(
      mcp,
      "maybe",
      { input: { text: Schema.optionalKey(Schema.String) } },
      ({ text = "no text" }) => Effect.succeed(text)
    )
    yield* EffectTool.register(mcp, "wait", {}, () =>
      Effect.suspend(() => {
        seen.waiting++
        return Effect.onInterrupt(Effect.never, () => Effect.sync(() => void seen.cancelled++))
      }))
    mcp.registerTool("ask", {}, async ({ sendRequest }) => {
      seen.questions++
      const question = { method: "elicitation/create", params: { message: "Who?", requestedSchema: {} } }
      // No schema is needed for what is no answer.
      const asked = sendRequest(question as never, z.looseObject({}))
      const text = await asked.then(() => "answered", (error: unknown) => `failed: ${String(error)}`)
      return { content: [{ type: "text", text }] }
    })
    return mcp
  })
  return { server, seen }
})

const words = "JSON does not keep exactly|no string or number"

for (const [name, open] of Object.entries(everyHost)) {
  const isModern = name.includes("without")
  describe(`over ${name}`, () => {
    it.live("an id that is not kept exactly is refused without one, and the client goes on", () =>
      Effect.gen(function*() {
        const { server } = yield* counting
        const client = yield* (yield* open(server)).connect
        for (const id of ["9007199254740993", "1e20", "-1e20", "1e400"]) {
          const [answer] = yield* client.say(`{"jsonrpc":"2.0","id":${id},"method":"tools/list","params":{}}\n`)
          assert.isNull(answer?.id, id)
          assert.strictEqual(answer?.error?.code, -32600, id)
          assert.match(answer?.error?.message ?? "", new RegExp(words), id)
        }
        assert.isArray((yield* client.ask("tools/list")).result?.["tools"])
      }))

    it.live("a token of progress that is none is refused by its name", () =>
      Effect.gen(function*() {
        const { server } = yield* counting
        const client = yield* (yield* open(server)).connect
        for (const progressToken of [1.5, 1e20, 2 ** 53, true, {}, []]) {
          const params = { name: "count", arguments: {}, _meta: { progressToken } }
          const { error } = yield* client.ask("tools/call", params)
          assert.strictEqual(error?.code, -32602, String(progressToken))
          assert.include(error?.message, "progressToken")
        }
        for (const progressToken of [0, "", -1, null]) {
          const params = { name: "count", arguments: {}, _meta: { progressToken } }
          assert.deepInclude((yield* client.ask("tools/call", params)).result?.content?.[0], { text: "counted" })
        }
      }))

    it.live("null is as nothing where nothing is allowed", () =>
      Effect.gen(function*() {
        const { server } = yield* counting
        const client = yield* (yield* open(server)).connect
        for (const args of [undefined, null, {}]) {
          const { result } = yield* client.ask("tools/call", { name: "maybe", arguments: args })
          assert.deepInclude(result?.content?.[0], { text: "no text" })
        }
        assert.isArray((yield* client.ask("tools/list", { cursor: null })).result?.["tools"])
      }))

    // There is nothing but the connection to cancel by where there is no session and no line.
    if (name !== "Streamable HTTP without sessions" && !name.endsWith("kept")) {
      for (const id of [0, ""]) {
        it.live(`a cancellation of the request ${JSON.stringify(id)} stops its handler`, () =>
          Effect.gen(function*() {
            const { seen, server } = yield* counting
            const client = yield* (yield* open(server)).connect
            const call = yield* Effect.forkChild(
              Effect.exit(client.ask("tools/call", { name: "wait", arguments: {} }, id)),
              { startImmediately: true }
            )
            yield* eventually("it waits", () => seen.waiting === 1)
            yield* client.notify("notifications/cancelled", { requestId: id })
            yield* eventually("its handler has stopped", () => seen.cancelled === 1)
            yield* Fiber.interrupt(call)
          }))
      }
    }

    if (isModern) return
    it.live("an answer of the client's that is none fails the question at once", () =>
      Effect.gen(function*() {
        const odd = /-32603: the client's answer has not the form that MCP prescribes$/
        const wordless = /-32603: the client's answer is none: "error" has no text "message"/
        for (
          const [rest, said] of [
            [`"error":{"code":1e20,"message":"no"}`, odd],
            [`"error":{"code":1e400,"message":"no"}`, /-32603: no$/],
            [`"error":{"code":1.5,"message":"no"}`, odd],
            [`"error":{"code":1}`, wordless],
            [`"error":7`, wordless],
            [`"result":7`, odd]
          ] as const
        ) {
          const { seen, server } = yield* counting
          const client = yield* (yield* open(server)).connect
          const call = yield* Effect.forkChild(client.ask("tools/call", { name: "ask" }), { startImmediately: true })
          yield* eventually("it asks", () => seen.questions === 1)
          // The SDK counts its questions from nought.
          yield* client.say(`{"jsonrpc":"2.0","id":0,${rest}}\n`)
          const { result } = yield* Fiber.join(call)
          assert.match(result?.content?.[0]?.text ?? "", said, rest)
        }
      }))
  })
}

describe("a place to come back to", () => {
  it.live("is refused when no stream was ever there, whatever it is made of", () =>
    Effect.gen(function*() {
      const { url } = yield* openHttp()
      const client = new RawClient(url)
      yield* client.initialize()
      for (
        const place of [
          "1e20-1",
          "0-1e400",
          "0-9007199254740993",
          "9007199254740993-0",
          "0-999999999999999",
          "-1-0",
          "0--1",
          "0-0-0",
          "NaN-NaN",
          "Infinity-0",
          "x",
          "0".repeat(4000)
        ]
      ) {
        const { events, response } = yield* client.stream(place)
        events.leave()
        assert.strictEqual(response.status, 400, place.slice(0, 40))
      }
      assert.strictEqual((yield* client.call("echo", { text: "hi" })).status, 200)
    }))
})
