/** What the compiler knows of resources and prompts. These tests fail when `tsc` does. */
import * as EffectPrompt from "@holdfast/server/EffectPrompt"
import * as EffectResource from "@holdfast/server/EffectResource"
import type { Session } from "@holdfast/server/Session"
import type { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { describe, expectTypeOf, it } from "vitest"

class Notes extends Context.Service<Notes, ReadonlyMap<string, string>>()("test/Notes") {}
class News extends Context.Service<News, Stream.Stream<void>>()("test/News") {}

const acquired = Effect.acquireRelease(Notes, () => Effect.void)

describe("what is required where a server is made", () => {
  it("of a resource: what its handler and its changes need, its session, and no Scope", () => {
    const register = (mcp: McpServer) =>
      EffectResource.register(
        mcp,
        "n",
        { uri: "n://1", changes: Stream.unwrap(News) },
        () => Effect.map(acquired, (notes) => notes.get("1"))
      )
    expectTypeOf(register).returns.toEqualTypeOf<Effect.Effect<void, never, Session | Notes | News>>()
  })

  it("of a template: what its handler, its list, its completers and its changes need; its handler has typed variables", () => {
    const register = (mcp: McpServer) =>
      EffectResource.registerTemplate(mcp, "n", {
        uriTemplate: "n://{number}",
        variables: { number: Schema.Int },
        list: Effect.as(News, []),
        complete: { number: (begun) => Effect.as(Notes, [begun]) }
      }, ({ number }) => {
        expectTypeOf(number).toEqualTypeOf<number>()
        return Effect.succeed("")
      })
    expectTypeOf(register).returns.toEqualTypeOf<Effect.Effect<void, never, Session | Notes | News>>()
  })

  it("of a prompt: what its handler and its completers need; its handler has typed arguments", () => {
    const register = (mcp: McpServer) =>
      EffectPrompt.register(mcp, "p", {
        input: { times: Schema.Int, language: Schema.optionalKey(Schema.String) },
        complete: { language: (begun) => Effect.as(Notes, [begun]) }
      }, (args) => {
        expectTypeOf(args).toEqualTypeOf<{ readonly times: number; readonly language?: string }>()
        return Effect.as(News, "text")
      })
    expectTypeOf(register).returns.toEqualTypeOf<Effect.Effect<void, never, Session | Notes | News>>()
  })
})
