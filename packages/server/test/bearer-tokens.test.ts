import { assert, describe, it } from "@effect/vitest"
import * as Authenticator from "@holdfast/server/Authenticator"
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as Redacted from "effect/Redacted"

const requestWith = (authorization?: string) =>
  HttpServerRequest.fromWeb(
    new Request("http://localhost/mcp", authorization === undefined ? {} : { headers: { authorization } })
  )

const fromEnvironment = (text: string) =>
  Authenticator.bearerTokens(Config.Redacted("TOKENS")).pipe(
    Effect.provideService(
      ConfigProvider.ConfigProvider,
      ConfigProvider.fromUnknown({ TOKENS: text })
    )
  )

const first = "first-token-of-16"
const other = "other-token-of-16"

describe("tokens from the environment", () => {
  it.effect("are read as name:token, between commas and blanks", () =>
    Effect.gen(function*() {
      const auth = yield* fromEnvironment(` ada:${first} , ,bob:${other}:with-a-colon`)
      assert.strictEqual((yield* auth(requestWith(`Bearer ${first}`))).id, "ada")
      assert.strictEqual((yield* auth(requestWith(`bearer   ${first}`))).id, "ada")
      assert.strictEqual((yield* auth(requestWith(`Bearer ${other}:with-a-colon`))).id, "bob")
      assert.strictEqual((yield* Effect.flip(auth(requestWith(`Bearer ada:${first}`)))).status, 401)
    }))

  it.effect("without a name have one made of their digest, the same each time, and another for each", () =>
    Effect.gen(function*() {
      const auth = yield* fromEnvironment(`${first},:${other},ada:${other}2`)
      const names = yield* Effect.forEach(
        [first, other, `${other}2`],
        (token) => Effect.map(auth(requestWith(`Bearer ${token}`)), ({ id }) => id)
      )
      assert.match(names[0] ?? "", /^token-[\w-]{8}$/)
      assert.match(names[1] ?? "", /^token-[\w-]{8}$/)
      assert.notStrictEqual(names[0], names[1])
      assert.strictEqual(names[2], "ada")
    }))

  it.effect("are refused when there is none, or one of less than 16 characters", () =>
    Effect.gen(function*() {
      for (const [text, actual] of [[" , ", "none"], ["ada:123456789012345", "one of 15 for ada"]] as const) {
        const error = yield* Effect.flip(fromEnvironment(text))
        assert.include(error.message, actual)
      }
      yield* fromEnvironment("ada:1234567890123456")
    }))
})

describe("a request", () => {
  it.effect("without a valid token is challenged; one that bears another is told that it is invalid", () =>
    Effect.gen(function*() {
      const auth = yield* Authenticator.bearerTokens({ ada: Redacted.make(first) })
      const refused = (authorization?: string) => Effect.flip(auth(requestWith(authorization)))
      assert.deepInclude(yield* refused(), { status: 401, challenge: "Bearer realm=\"mcp\"" })
      for (
        const wrong of [`Bearer ${other}`, `Basic ${first}`, `Bearer ${first} x`, `x Bearer ${first}`, first, "Bearer "]
      ) {
        assert.deepInclude(
          yield* refused(wrong),
          { status: 401, challenge: "Bearer realm=\"mcp\", error=\"invalid_token\"" },
          wrong
        )
      }
      assert.strictEqual((yield* refused()).message, "the request bears no valid credentials")
      const forbidden = new Authenticator.AuthenticationRefused({ status: 403, challenge: "" })
      assert.strictEqual(forbidden.message, "the credentials give no right to this")
    }))
})
