/** Prompts whose messages are Effects, on an SDK server behind a real socket. */
import { assert, describe, it } from "@effect/vitest"
import * as EffectPrompt from "@holdfast/server/EffectPrompt"
import * as McpHost from "@holdfast/server/McpHost"
import { Session } from "@holdfast/server/Session"
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js"
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as HttpServer from "effect/http/HttpServer"
import * as Layer from "effect/Layer"
import * as References from "effect/References"
import * as Schema from "effect/Schema"
import { RawClient } from "./support/rawClient.ts"

class Languages extends Context.Service<Languages, ReadonlyArray<string>>()("test/Languages") {}
class Refused extends Data.TaggedError("Refused") {
  override get message() {
    return "not today"
  }
}

const ready = Effect.gen(function*() {
  const server = Effect.gen(function*() {
    const mcp = new McpServer({ name: "prompts", version: "1" })
    yield* EffectPrompt.register(
      mcp,
      "translate",
      {
        title: "Translate",
        description: "Asks for a translation",
        input: {
          text: Schema.String.annotate({ description: "What is translated" }),
          language: Schema.optionalKey(Schema.String.annotate({ description: "Into which language" })),
          times: Schema.optionalKey(Schema.Int)
        },
        complete: {
          language: (begun, { text = "" }) =>
            Effect.map(Languages, (all) => all.filter((each) => each.startsWith(begun) && each !== text))
        }
      },
      ({ language = "English", text, times = 1 }) =>
        Effect.map(Session, ({ number }) => `${number}: ${text} into ${language}, ${times + 1} times`)
    )
    yield* EffectPrompt.register(mcp, "talk", {}, () =>
      Effect.succeed([
        { role: "user", content: { type: "text", text: "Hello" } },
        { role: "assistant", content: { type: "image", data: "AQID", mimeType: "image/png" } }
      ]))
    yield* EffectPrompt.register(mcp, "whole", {}, () => Effect.succeed({ description: "All of it", messages: [] }))
    yield* EffectPrompt.register(mcp, "refuse", {}, () => Effect.fail(new Refused()))
    yield* EffectPrompt.register(mcp, "die", {}, () => Effect.die(new Error("secret of the house")))
    return mcp
  })
  const context = yield* Layer.build(
    McpHost.layerHttp({ server, port: 0, drainTimeout: "50 millis" }).pipe(
      Layer.provide([
        Layer.succeed(Languages, ["English", "French", "Frisian"]),
        Layer.succeed(References.MinimumLogLevel, "Fatal")
      ])
    )
  )
  const { address } = Context.get(context, HttpServer.HttpServer)
  const client = new RawClient(`http://127.0.0.1:${"port" in address ? address.port : 0}/mcp`)
  yield* client.initialize()
  const ask = (method: string, params: object = {}) => Effect.flatMap(client.request(method, params), client.json)
  const get = (name: string, args?: object) =>
    Effect.map(
      ask("prompts/get", { name, ...(args !== undefined && { arguments: args }) }),
      ({ error, result }) => error ?? result
    )
  return { ask, get }
})

describe("a prompt that is an Effect", () => {
  it.live("is listed with its arguments: their names, what they are for, which may be left out", () =>
    Effect.gen(function*() {
      const { ask } = yield* ready
      const { result } = yield* ask("prompts/list")
      assert.deepInclude(result?.["prompts"], {
        name: "translate",
        title: "Translate",
        description: "Asks for a translation",
        arguments: [
          { name: "text", description: "What is translated", required: true },
          { name: "language", description: "Into which language", required: false },
          { name: "times", required: false }
        ]
      })
    }))

  it.live("is given arguments that its schemas have read, in the session of its request", () =>
    Effect.gen(function*() {
      const { get } = yield* ready
      const said = (text: string) => ({ messages: [{ role: "user", content: { type: "text", text } }] })
      assert.deepStrictEqual(
        yield* get("translate", { text: "Haus", language: "French", times: "2" }),
        said("1: Haus into French, 3 times")
      )
      // anthropics/claude-code#5597: what may be left out is left out.
      assert.deepStrictEqual(yield* get("translate", { text: "Haus" }), said("1: Haus into English, 2 times"))
      assert.deepStrictEqual(yield* get("talk"), {
        messages: [
          { role: "user", content: { type: "text", text: "Hello" } },
          { role: "assistant", content: { type: "image", data: "AQID", mimeType: "image/png" } }
        ]
      })
      assert.deepStrictEqual(yield* get("whole"), { description: "All of it", messages: [] })
    }))

  it.live("refuses arguments that do not fit, and tells what it fails with, and not what it dies of", () =>
    Effect.gen(function*() {
      const { get } = yield* ready
      const misfit = yield* get("translate", { text: "Haus", times: "often" })
      assert.deepInclude(misfit, { code: -32602 })
      assert.match(JSON.stringify(misfit), /the arguments of translate do not fit: .*times/)
      assert.deepInclude(yield* get("translate", {}), { code: -32602 })
      assert.deepStrictEqual(yield* get("refuse"), { code: -32603, message: "not today" })
      assert.deepStrictEqual(yield* get("die"), {
        code: -32603,
        message: "the prompt die has failed; see the server's log"
      })
    }))

  it.live("proposes values for an argument, an optional one, given the others", () =>
    Effect.gen(function*() {
      const { ask } = yield* ready
      const complete = (value: string, filledIn: object = {}) =>
        Effect.map(
          ask("completion/complete", {
            ref: { type: "ref/prompt", name: "translate" },
            argument: { name: "language", value },
            context: { arguments: filledIn }
          }),
          ({ result }) => result?.["completion"]
        )
      assert.deepInclude(yield* complete("Fr"), { values: ["French", "Frisian"], total: 2 })
      assert.deepInclude(yield* complete("Fr", { text: "French" }), { values: ["Frisian"] })
    }))

  it.live("has no completer of what is no argument of it: that is told when it is registered", () =>
    Effect.gen(function*() {
      const registered = EffectPrompt.register(new McpServer({ name: "x", version: "1" }), "x", {
        input: { text: Schema.String },
        complete: { txt: () => Effect.succeed([]) }
      }, ({ text }) => Effect.succeed(text))
      // Nothing of the session is asked for.
      const cause = yield* Effect.flip(Effect.sandbox(Effect.provideService(registered, Session, {} as never)))
      assert.match(String(cause), /the prompt x: complete.txt completes nothing; there is text/)
    }))
})
