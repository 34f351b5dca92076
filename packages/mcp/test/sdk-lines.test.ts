/** Both lines of the official SDK at our borders, and programs that hold neither. */
import { assert, describe, it } from "@effect/vitest"
import type * as OAuth from "@holdfast/mcp/OAuth"
import type * as SdkTransport from "@holdfast/mcp/SdkTransport"
import type * as Version2 from "@modelcontextprotocol/client"
import type { OAuthClientProvider } from "@modelcontextprotocol/sdk/client/auth.js"
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js"
import * as Effect from "effect/Effect"
import { expectTypeOf } from "vitest"
import { authorize } from "../src/internal/sdk/authorize.ts"
import * as LoadedOAuth from "../src/internal/sdk/LoadedOAuth.ts"
import { MachineProvider, MemoryProvider } from "./support/OAuthProviders.ts"
import * as OAuthServer from "./support/OAuthServer.ts"

const version2 = Effect.orDie(LoadedOAuth.ofVersion2)

describe("OAuth on version 2 of the SDK", () => {
  it.live("a machine of its own gets a token", () =>
    Effect.scoped(Effect.gen(function*() {
      const server = yield* OAuthServer.make
      const provider = new MachineProvider()
      assert.strictEqual(yield* authorize({ provider, serverUrl: server.url }, version2), "AUTHORIZED")
      assert.deepStrictEqual(server.grants, ["client_credentials"])
      assert.strictEqual(provider.stored?.access_token, server.issued[0])
    })))

  it.live("sends the user to the page once, refreshes, and keeps the credentials in an outage", () =>
    Effect.scoped(Effect.gen(function*() {
      const server = yield* OAuthServer.make
      const provider = new MemoryProvider()
      const round = { provider, serverUrl: server.url }
      assert.strictEqual(yield* authorize(round, version2), "REDIRECT")
      assert.strictEqual(yield* authorize({ ...round, authorizationCode: "the-code" }, version2), "AUTHORIZED")
      assert.strictEqual(yield* authorize(round, version2), "AUTHORIZED")
      server.tokenEndpoint = "down"
      const { description } = yield* Effect.flip(authorize(round, version2))
      assert.include(description, "the token could not be refreshed: the authorization server answered HTTP 503")
      assert.include(server.issued.slice(-2), provider.stored?.access_token)
      assert.deepStrictEqual(server.grants, ["authorization_code", "refresh_token", "refresh_token"])
      assert.lengthOf(provider.pages, 1)
    })))
})

describe("types of ours", () => {
  it("are what both versions of the SDK take, and take what these have", () => {
    expectTypeOf<OAuthClientProvider>().toExtend<OAuth.OAuthClientProvider>()
    expectTypeOf<Version2.OAuthClientProvider>().toExtend<OAuth.OAuthClientProvider>()
    expectTypeOf<SdkTransport.Transport>().toExtend<Transport>()
    expectTypeOf<SdkTransport.Transport>().toExtend<Version2.Transport>()
  })
})
