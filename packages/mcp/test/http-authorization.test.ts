/** Credentials on the requests of HTTP connections, against a real authorization server on loopback. */
import { assert, describe, it } from "@effect/vitest"
import { Endpoint, EndpointKey, McpConfig, McpConnections } from "@holdfast/mcp"
import * as OAuth from "@holdfast/mcp/OAuth"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import { MachineProvider, MemoryProvider } from "./support/OAuthProviders.ts"
import * as OAuthServer from "./support/OAuthServer.ts"
import * as SseServer from "./support/SseServer.ts"

interface Guarded {
  readonly server: OAuthServer.OAuthServer
  readonly authorizer: OAuth.OAuthAuthorizer
  readonly mcp: McpConnections["Service"]
}

const guarded = Effect.fnUntraced(function*(
  provider: MemoryProvider
): Effect.fn.Return<Guarded, unknown, Scope.Scope> {
  const server = yield* OAuthServer.make
  const authorizer = yield* OAuth.make({ serverUrl: server.url, provider })
  const endpoint = Endpoint.http({ url: server.url, authorizer })
  const mcp = yield* McpConnections.make(yield* McpConfig.make({ guarded: { endpoint, era: "legacy" } }))
  return { server, authorizer, mcp }
})

const call = ({ mcp }: Guarded) => mcp.callTool("guarded", { name: "write" }, { idempotent: false })

describe("an HTTP connection with an authorizer", () => {
  it.live("fetches a token when the server asks for one, and the call goes on", () =>
    Effect.gen(function*() {
      const it = yield* guarded(new MachineProvider())
      assert.strictEqual((yield* call(it)).isError ?? false, false)
      assert.deepStrictEqual(it.server.grants, ["client_credentials"])
      assert.strictEqual(it.server.refused, 1)
    }))

  it.live("a token that expires under forty calls costs one renewal, and each call runs once", () =>
    Effect.gen(function*() {
      const provider = new MemoryProvider()
      const it = yield* guarded(provider)
      yield* Effect.flip(call(it))
      yield* it.authorizer.finish(Redacted.make("the-code"))
      yield* call(it)
      it.server.expire()
      it.server.grants.length = 0
      it.server.calls = 0
      yield* Effect.all(Array.from({ length: 40 }, () => call(it)), { concurrency: "unbounded" })
      assert.deepStrictEqual(it.server.grants, ["refresh_token"])
      assert.strictEqual(it.server.calls, 40)
    }))

  it.live("a refusal that stands says what to do, and no token", () =>
    Effect.gen(function*() {
      const provider = new MemoryProvider()
      provider.stored = { access_token: "stale-token-of-old", token_type: "Bearer" }
      const it = yield* guarded(provider)
      const error = yield* Effect.flip(call(it))
      assert.strictEqual(error.reason._tag, "HttpRejected")
      assert.include(error.message, "the user has to grant access first")
      assert.notInclude(error.message, "stale-token")
      assert.strictEqual(provider.pages.length, 1)
      yield* it.authorizer.finish(Redacted.make("the-code"))
      yield* call(it)
    }))

  it.live("more rights that are not to be had leave the other calls alone", () =>
    Effect.gen(function*() {
      const it = yield* guarded(new MachineProvider())
      yield* call(it)
      it.server.scope = "admin"
      const error = yield* Effect.flip(call(it))
      assert.strictEqual(error.reason._tag, "HttpRejected")
      it.server.scope = undefined
      yield* call(it)
    }))

  it.live("configured servers take theirs by name", () =>
    Effect.gen(function*() {
      const server = yield* OAuthServer.make
      const authorizer = yield* OAuth.make({ serverUrl: server.url, provider: new MachineProvider() })
      const config = yield* McpConfig.decode({ mcpServers: { web: { url: server.url, holdfast: { era: "legacy" } } } })
      const mcp = yield* McpConnections.make(config, { authorizers: { web: authorizer } })
      yield* mcp.callTool("web", { name: "write" })
      assert.strictEqual(server.calls, 1)
    }))

  it.live("the legacy event stream and its messages bear the token too", () =>
    Effect.gen(function*() {
      const server = yield* SseServer.make
      const authorizer = yield* OAuth.fromTokens({ token: Effect.succeed(Redacted.make("abcdefgh")) })
      const mcp = yield* McpConnections.make(
        yield* McpConfig.make({ old: { endpoint: Endpoint.sse({ url: server.url, authorizer }) } })
      )
      yield* mcp.request("old", { method: "tools/list" })
      assert.deepStrictEqual(
        new Set(server.headers.map(({ authorization }) => authorization)),
        new Set(["Bearer abcdefgh"])
      )
    }))

  it.effect("is shared by those who act as the same, and by nobody else", () =>
    Effect.gen(function*() {
      const url = "http://127.0.0.1/mcp"
      const token = Effect.succeed(Redacted.make("abcdefgh"))
      const keyOf = (identity?: string) =>
        Effect.map(
          OAuth.fromTokens({ token, identity }),
          (authorizer) => EndpointKey.make(Endpoint.http({ url, authorizer }))
        )
      assert.strictEqual(yield* keyOf("me"), yield* keyOf("me"))
      const keys = [yield* keyOf("me"), yield* keyOf("you"), yield* keyOf(), EndpointKey.make(Endpoint.http({ url }))]
      assert.strictEqual(new Set(keys).size, 4)
    }))
})
