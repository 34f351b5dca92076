/** Authorizers against a real authorization server on loopback. */
import { assert, describe, it } from "@effect/vitest"
import * as OAuth from "@holdfast/mcp/OAuth"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/testing/TestClock"
import { eventually } from "./support/eventually.ts"
import { MachineProvider, MemoryProvider } from "./support/OAuthProviders.ts"
import * as OAuthServer from "./support/OAuthServer.ts"

const response = (url: string, headers: OAuth.AuthorizationHeaders) =>
  Effect.promise((signal) =>
    fetch(url, {
      signal,
      headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(Redacted.value(value))]))
    })
  )

/** What a link does: asks with the headers it is given, and once more when the authorizer says so. */
const request = (url: string, authorizer: OAuth.HttpAuthorizer) =>
  Effect.gen(function*() {
    const sent = yield* authorizer.headers
    const first = yield* response(url, sent)
    if (first.ok) return first.status
    const wwwAuthenticate = first.headers.get("www-authenticate") ?? undefined
    yield* authorizer.onChallenge({ status: first.status, wwwAuthenticate, sent })
    return (yield* response(url, yield* authorizer.headers)).status
  })

const withServer = <A, E, R>(
  f: (
    server: OAuthServer.OAuthServer,
    provider: MemoryProvider,
    authorizer: OAuth.OAuthAuthorizer
  ) => Effect.Effect<A, E, R>,
  provider: MemoryProvider = new MemoryProvider()
) =>
  Effect.gen(function*() {
    const server = yield* OAuthServer.make
    const authorizer = yield* OAuth.make({ serverUrl: server.url, provider })
    return yield* f(server, provider, authorizer)
  })

/** The tokens grow old: those that were issued just now are suspect when they are refused. */
const expired = (server: OAuthServer.OAuthServer) =>
  Effect.andThen(TestClock.adjust("1 hour"), Effect.sync(() => server.expire()))

/** Grants access as the user would, and calls once. */
const granted = (server: OAuthServer.OAuthServer, authorizer: OAuth.OAuthAuthorizer) =>
  Effect.gen(function*() {
    yield* Effect.flip(request(server.url, authorizer))
    yield* authorizer.finish(Redacted.make("the-code"))
    assert.strictEqual(yield* request(server.url, authorizer), 200)
    server.grants.length = 0
  })

describe("an OAuth authorizer", () => {
  it.effect("sends the user to the page once, and works with the code that comes back", () =>
    withServer((server, provider, authorizer) =>
      Effect.gen(function*() {
        const refused = yield* Effect.flip(request(server.url, authorizer))
        assert.include(refused.message, "the user has to grant access first")
        assert.deepStrictEqual(provider.pages.map(({ pathname }) => pathname), ["/authorize"])
        assert.strictEqual(provider.pages[0]?.searchParams.get("resource"), server.url)
        yield* authorizer.finish(Redacted.make("the-code"))
        assert.strictEqual(yield* request(server.url, authorizer), 200)
        assert.deepStrictEqual(server.grants, ["authorization_code"])
      })
    ))

  it.effect("fifty requests refused at once cost one refresh, and all succeed", () =>
    withServer((server, provider, authorizer) =>
      Effect.gen(function*() {
        yield* granted(server, authorizer)
        for (const round of [1, 2]) {
          yield* expired(server)
          const statuses = yield* Effect.all(Array.from({ length: 50 }, () => request(server.url, authorizer)), {
            concurrency: "unbounded"
          })
          assert.deepStrictEqual(statuses, Array.from({ length: 50 }, () => 200))
          assert.deepStrictEqual(server.grants, Array.from({ length: round }, () => "refresh_token"))
        }
        assert.lengthOf(provider.pages, 1)
      })
    ))

  it.effect("a refusal of a token that has been replaced since costs nothing", () =>
    withServer((server, provider, authorizer) =>
      Effect.gen(function*() {
        yield* granted(server, authorizer)
        const sent = yield* authorizer.headers
        yield* expired(server)
        assert.strictEqual(yield* request(server.url, authorizer), 200)
        const challenge = { status: 401, wwwAuthenticate: "Bearer", sent }
        assert.strictEqual(yield* authorizer.onChallenge(challenge), "retry")
        assert.deepStrictEqual(server.grants, ["refresh_token"])
        // So it is when another process with the same store was faster.
        const now = yield* authorizer.headers
        assert.isDefined(provider.stored)
        provider.stored = { ...provider.stored, access_token: "of-another-process" }
        assert.strictEqual(yield* authorizer.onChallenge({ ...challenge, sent: now }), "retry")
        assert.deepStrictEqual(server.grants, ["refresh_token"])
      })
    ))

  it.effect("an authorization server that is out of order costs no credentials and opens no page; later it goes on", () =>
    withServer((server, provider, authorizer) =>
      Effect.gen(function*() {
        yield* granted(server, authorizer)
        const { stored } = provider
        yield* expired(server)
        server.tokenEndpoint = "down"
        const refused = yield* Effect.flip(request(server.url, authorizer))
        assert.include(refused.message, "HTTP 503; the credentials are kept")
        assert.strictEqual(provider.stored, stored)
        assert.lengthOf(provider.pages, 1)
        server.tokenEndpoint = "ok"
        assert.strictEqual(yield* request(server.url, authorizer), 200)
      })
    ))

  it.effect("credentials that the authorization server refuses send the user to the page again", () =>
    withServer((server, provider, authorizer) =>
      Effect.gen(function*() {
        yield* granted(server, authorizer)
        yield* expired(server)
        server.revoke()
        const refused = yield* Effect.flip(request(server.url, authorizer))
        assert.include(refused.message, "the user has to grant access first")
        assert.lengthOf(provider.pages, 2)
      })
    ))

  it.effect("a machine of its own gets its token without a user", () =>
    withServer((server, provider, authorizer) =>
      Effect.gen(function*() {
        assert.strictEqual(yield* request(server.url, authorizer), 200)
        yield* expired(server)
        const statuses = yield* Effect.all([request(server.url, authorizer), request(server.url, authorizer)], {
          concurrency: "unbounded"
        })
        assert.deepStrictEqual(statuses, [200, 200])
        assert.deepStrictEqual(server.grants, ["client_credentials", "client_credentials"])
        assert.lengthOf(provider.pages, 0)
      }), new MachineProvider()))

  it.effect("one that gives up waiting disturbs nobody who waits for the same token", () =>
    withServer((server, _, authorizer) =>
      Effect.gen(function*() {
        yield* granted(server, authorizer)
        yield* expired(server)
        server.tokenEndpoint = "held"
        const sent = yield* authorizer.headers
        const challenge = { status: 401, wwwAuthenticate: "Bearer", sent }
        const impatient = yield* Effect.forkChild(authorizer.onChallenge(challenge), { startImmediately: true })
        const patient = yield* Effect.forkChild(authorizer.onChallenge(challenge), { startImmediately: true })
        yield* TestClock.withLive(eventually("the refresh has reached the server", () => server.held() === 1))
        yield* Fiber.interrupt(impatient)
        server.release()
        assert.strictEqual(yield* Fiber.join(patient), "retry")
        assert.deepStrictEqual(server.grants, ["refresh_token"])
      })
    ))

  it.effect("a server that refuses the token it has just been issued is not asked in circles", () =>
    withServer((server, _, authorizer) =>
      Effect.gen(function*() {
        yield* granted(server, authorizer)
        server.scope = "admin"
        const wwwAuthenticate = `Bearer error="insufficient_scope", scope="admin"`
        assert.strictEqual(yield* request(server.url, authorizer), 403)
        const again = { status: 403, wwwAuthenticate, sent: yield* authorizer.headers }
        const refused = yield* Effect.flip(authorizer.onChallenge(again))
        assert.include(refused.message, "issued just now")
        assert.deepStrictEqual(server.grants, ["refresh_token"])
        const forbidden = yield* Effect.flip(authorizer.onChallenge({ ...again, wwwAuthenticate: undefined }))
        assert.include(forbidden.message, "no right to this")
      })
    ))

  it.live("a renewal that hangs has an end", () =>
    Effect.gen(function*() {
      const server = yield* OAuthServer.make
      const provider = new MachineProvider()
      const authorizer = yield* OAuth.make({ serverUrl: server.url, provider, timeout: "20 millis" })
      server.tokenEndpoint = "held"
      const refused = yield* Effect.flip(request(server.url, authorizer))
      assert.include(refused.message, "no token within 20ms")
    }))

  it.effect("no message of any failure holds a token, a code or a client's secret", () =>
    withServer((server, provider, authorizer) =>
      Effect.gen(function*() {
        yield* granted(server, authorizer)
        const messages: Array<string> = []
        const fail = Effect.gen(function*() {
          yield* expired(server)
          const error = yield* Effect.flip(request(server.url, authorizer))
          messages.push(error.message, JSON.stringify(error), String(error), String(error.stack))
        })
        for (const state of ["down", "nonsense"] as const) {
          server.tokenEndpoint = state
          yield* fail
          messages.push(String(yield* Effect.flip(authorizer.finish(Redacted.make("the-code")))))
        }
        server.tokenEndpoint = "ok"
        const wrong = yield* Effect.flip(authorizer.finish(Redacted.make("wrong-code-value")))
        messages.push(String(wrong))
        Object.assign(provider, { tokens: () => Promise.reject(new Error(`cannot parse ${server.issued.join()}`)) })
        yield* fail
        const secrets = [...server.issued, "client-secret-value", "the-code", "wrong-code-value"]
        assert.isAbove(messages.length, 8)
        for (const secret of secrets) assert.notInclude(messages.join("\n"), secret)
        assert.notInclude(
          String(
            yield* OAuth.fromTokens({ token: Effect.succeed(Redacted.make("s3cret")) }).pipe(
              Effect.flatMap(({ headers }) => headers),
              Effect.map((headers) => JSON.stringify(headers) + String(headers["authorization"]))
            )
          ),
          "s3cret"
        )
      })
    ))
})

describe("an authorizer over a source of tokens", () => {
  it.effect("asks the source once for all, again after a refusal, and gives up on a source without another token", () =>
    Effect.gen(function*() {
      let asked = 0
      const authorizer = yield* OAuth.fromTokens({
        token: Effect.sync(() => Redacted.make(`token-${Math.min(++asked, 2)}`))
      })
      const all = yield* Effect.all(Array.from({ length: 50 }, () => authorizer.headers), { concurrency: "unbounded" })
      assert.strictEqual(asked, 1)
      const sent = all[0]
      assert.isDefined(sent)
      const challenge = { status: 401, wwwAuthenticate: undefined, sent }
      yield* Effect.all(Array.from({ length: 50 }, () => authorizer.onChallenge(challenge)), {
        concurrency: "unbounded"
      })
      assert.strictEqual(asked, 2)
      const next = yield* authorizer.headers
      const token = next["authorization"]
      assert.isDefined(token)
      assert.strictEqual(Redacted.value(token), "Bearer token-2")
    }))

  it.effect("a source that fails or has nothing new is told without its words, and asked again next time", () =>
    Effect.gen(function*() {
      const answers = [Effect.fail("the vault says s3cret"), Effect.succeed(Redacted.make("same"))]
      let asked = 0
      const authorizer = yield* OAuth.fromTokens({
        token: Effect.suspend((): Effect.Effect<Redacted.Redacted, unknown> =>
          answers[Math.min(asked++, 1)] ?? Effect.never
        )
      })
      assert.strictEqual((yield* Effect.flip(authorizer.headers)).message, "the token source failed")
      const sent = yield* authorizer.headers
      const refused = yield* Effect.flip(authorizer.onChallenge({ status: 401, wwwAuthenticate: undefined, sent }))
      assert.include(refused.message, "no other token")
      assert.notInclude(refused.message, "same")
    }))

  it.effect("the end of its Scope ends a source that is being asked", () =>
    Effect.gen(function*() {
      const begun = yield* Deferred.make<void>()
      const ended = yield* Deferred.make<void>()
      const hanging = Effect.onInterrupt(
        Effect.andThen(Deferred.succeed(begun, undefined), Effect.never),
        () => Deferred.succeed(ended, undefined)
      )
      yield* Effect.scoped(Effect.gen(function*() {
        const authorizer = yield* OAuth.fromTokens({ token: hanging })
        yield* Effect.forkChild(authorizer.headers)
        yield* Deferred.await(begun)
      }))
      yield* Deferred.await(ended)
    }))
})
