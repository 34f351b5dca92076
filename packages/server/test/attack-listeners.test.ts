/** What breaks in those that listen, ask and tell costs the session or the request they are of: not the process, and nobody else. */
import { assert, describe, it } from "@effect/vitest"
import * as Principal from "@holdfast/protocol/Principal"
import { AuthenticationRefused, type Authenticator } from "@holdfast/server/Authenticator"
import * as EffectTool from "@holdfast/server/EffectTool"
import * as Guard from "@holdfast/server/Guard"
import * as SessionRegistry from "@holdfast/server/SessionRegistry"
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as Logger from "effect/Logger"
import * as Metric from "effect/Metric"
import * as TestClock from "effect/testing/TestClock"
import * as HttpSessions from "../src/internal/http/HttpSessions.ts"
import { eventually } from "./support/eventually.ts"
import { everyHost } from "./support/everyHost.ts"
import { isEmpty, open } from "./support/hosted.ts"
import { RawClient } from "./support/rawClient.ts"
import { recorded } from "./support/recorded.ts"

const s3cret = (): never => {
  throw new Error("s3cret of a listener")
}

const isLogged = (logged: ReadonlyArray<string>, pattern: RegExp) =>
  eventually(
    `${pattern} is logged with its stack`,
    () => logged.some((line) => pattern.test(line) && /attack-listeners\.test/.test(line))
  )

/** A server that others listen to, before it is connected and after. */
const listened = (listen: (mcp: McpServer) => void, isLate: boolean) =>
  Effect.gen(function*() {
    const mcp = new McpServer({ name: "listened", version: "1" })
    if (!isLate) listen(mcp)
    yield* EffectTool.register(mcp, "echo", {}, () => Effect.succeed("echo"))
    yield* EffectTool.register(mcp, "listen", {}, () => Effect.sync(() => listen(mcp)))
    return mcp
  })

for (const [name, open] of Object.entries(everyHost)) {
  if (name.includes("without")) continue
  for (const isLate of [false, true]) {
    const when = isLate ? "that was set later" : "that was set from the start"
    const session = (listen: (mcp: McpServer) => void) =>
      Effect.gen(function*() {
        const { connect } = yield* open(listened(listen, isLate))
        const [client, other] = [yield* connect, yield* connect]
        if (isLate) yield* client.ask("tools/call", { name: "listen", arguments: {} })
        const goesOn = Effect.gen(function*() {
          for (const one of [client, other]) {
            const { result } = yield* one.ask("tools/call", { name: "echo", arguments: {} })
            assert.deepInclude(result?.content?.[0], { text: "echo" })
          }
        })
        return { client, goesOn }
      })

    describe(`over ${name}, a listener ${when}`, () => {
      it.live("for the errors of a server may break", () =>
        recorded((logged) =>
          Effect.gen(function*() {
            const { client, goesOn } = yield* session((mcp) => void (mcp.server.onerror = s3cret))
            // Nobody has asked this.
            yield* client.say(`{"jsonrpc":"2.0","id":4711,"result":{}}\n`)
            yield* isLogged(logged, /onerror has failed/)
            yield* goesOn
          })
        ))

      it.live("for notifications may break", () =>
        recorded((logged) =>
          Effect.gen(function*() {
            const { client, goesOn } = yield* session((mcp) => void (mcp.server.fallbackNotificationHandler = s3cret))
            yield* client.notify("notifications/anything")
            yield* isLogged(logged, /a handler has failed/)
            yield* goesOn
          })
        ))

      it.live("may call the one before it", () =>
        Effect.gen(function*() {
          const heard: Array<string> = []
          const { client, goesOn } = yield* session((mcp) => {
            mcp.server.onerror = ({ message }) => void heard.push(`first: ${message}`)
            const { onerror } = mcp.server
            mcp.server.onerror = (error) => {
              onerror?.(error)
              heard.push("second")
            }
          })
          yield* client.say(`{"jsonrpc":"2.0","id":4711,"result":{}}\n`)
          yield* eventually("both have heard", () => heard.includes("second"))
          assert.match(heard[0] ?? "", /^first: .*4711/)
          yield* goesOn
        }))
    })
  }
}

describe("the end of a session", () => {
  it.live("is reached, though those that wait for it break, and it is nobody else's", () =>
    recorded((logged) =>
      Effect.gen(function*() {
        const host = yield* open({
          server: listened((mcp) => void (mcp.server.onclose = s3cret), false),
          drainTimeout: "50 millis"
        })
        const [client, other] = [new RawClient(host.url), new RawClient(host.url)]
        yield* client.initialize()
        yield* other.initialize()
        yield* client.send(undefined, {}, "DELETE")
        yield* isLogged(logged, /onclose has failed/)
        const { closed, sessions } = yield* host.registry.snapshot
        assert.deepStrictEqual([closed.client, sessions.length], [1, 1])
        assert.strictEqual((yield* other.call("echo")).status, 200)
        yield* other.send(undefined, {}, "DELETE")
        yield* isEmpty(host)
      })
    ))
})

// What a program without types may answer.
const nobody = null as unknown as Principal.Principal
const nameless = {} as Principal.Principal

const authenticators: Readonly<Record<string, Authenticator>> = {
  "throws an error": () => {
    throw new Error("s3cret of an authenticator")
  },
  "throws nothing": () => {
    throw undefined
  },
  "dies": () => Effect.die(new Error("s3cret of an authenticator")),
  "knows nobody": () => Effect.succeed(nobody),
  "knows somebody without a name": () => Effect.succeed(nameless),
  "fails with what is no refusal": () => Effect.fail(null as unknown as AuthenticationRefused)
}

describe("an authenticator", () => {
  for (const [what, broken] of Object.entries(authenticators)) {
    it.live(`that ${what} fails the request it was asked about, at every door, and is logged`, () =>
      recorded((logged) =>
        Effect.gen(function*() {
          const auth: Authenticator = (request) =>
            request.headers["x-break"] === undefined ? Effect.succeed(Principal.make("alice")) : broken(request)
          let admin = 0
          const host = yield* open({
            auth,
            legacySse: true,
            admin: { port: 0, auth, onListen: (port) => void (admin = port) }
          })
          const client = new RawClient(host.url)
          yield* client.initialize()
          const doors = [
            ["POST", host.url],
            ["GET", host.url],
            ["DELETE", host.url],
            ["GET", `${host.origin}/sse`],
            ["POST", `${host.origin}/message?sessionId=x`],
            ["GET", `http://127.0.0.1:${admin}/sessions`]
          ] as const
          for (const [method, url] of doors) {
            logged.length = 0
            const knock = new RawClient(url, { ...client.headers, "x-break": "yes" })
            const body = method === "POST" ? { jsonrpc: "2.0", id: 1, method: "tools/list" } : undefined
            const response = yield* knock.send(body, {}, method)
            assert.strictEqual(response.status, 500, `${method} ${url}`)
            assert.notInclude(yield* Effect.promise(() => response.text()), "s3cret")
            yield* eventually(
              "it is logged",
              () => logged.some((line) => line.startsWith("Error a request has failed"))
            )
          }
          assert.strictEqual((yield* client.call("echo", { text: "hi" })).status, 200)
        })
      ))
  }

  it.effect("that never answers has ten seconds, and what it is asked about is refused for now", () =>
    Effect.gen(function*() {
      const request = HttpServerRequest.fromWeb(new Request("http://localhost/mcp"))
      const stopped = yield* Deferred.make<void>()
      const never = Effect.onInterrupt(Effect.never, () => Deferred.succeed(stopped, undefined))
      const asked = yield* Effect.forkChild(Effect.flip(Guard.identify(() => never, request)))
      yield* TestClock.adjust("9 seconds")
      assert.isUndefined(asked.pollUnsafe())
      yield* TestClock.adjust("1 second")
      const answer = yield* Fiber.join(asked)
      assert.strictEqual(answer.status, 503)
      assert.strictEqual(answer.headers["retry-after"], "5")
      yield* Deferred.await(stopped)
    }))
})

describe("a heartbeat", () => {
  it.effect("that breaks ends its session, and no other misses its own", () =>
    recorded((logged) =>
      Effect.gen(function*() {
        const registry = yield* SessionRegistry.make({ heartbeatInterval: "10 seconds" })
        const server = Effect.sync(() => new McpServer({ name: "beating", version: "1" }))
        const hosted = yield* HttpSessions.make({ registry, server, revisions: [] })
        const opened = hosted.open(
          Principal.local,
          "streamable-http",
          ({ conversation }) => Effect.succeed(conversation)
        )
        const [broken, sound] = [yield* opened, yield* opened]
        let beats = 0
        Object.assign(broken, { beat: s3cret })
        Object.assign(sound, { beat: () => void beats++ })
        hosted.onHeartbeat(s3cret)
        hosted.onHeartbeat(() => void beats++)
        yield* TestClock.adjust("20 seconds")
        assert.strictEqual(beats, 4)
        assert.strictEqual(yield* broken.session.closed, "error")
        assert.strictEqual(sound.session.state(), "connecting")
        assert.strictEqual(logged.filter((line) => line.includes("its heartbeat has failed")).length, 2)
      })
    ))
})

describe("a logger that breaks", () => {
  it.live("costs no answer", () =>
    Effect.gen(function*() {
      const server = Effect.gen(function*() {
        const mcp = new McpServer({ name: "unlogged", version: "1" })
        yield* EffectTool.register(mcp, "die", {}, () => Effect.die(new Error("s3cret")))
        mcp.registerPrompt("die", {}, s3cret)
        return mcp
      })
      const { url } = yield* open({ server })
      const client = new RawClient(url)
      yield* client.initialize()
      for (let time = 0; time < 2; time++) {
        const { result } = yield* client.json(yield* client.call("die"))
        assert.deepInclude(result?.content?.[0], { text: "the tool has failed; see the server's log" })
        const { error } = yield* client.json(yield* client.request("prompts/get", { name: "die" }))
        assert.strictEqual(error?.code, -32603)
      }
      const guarded = yield* open({ auth: () => Effect.die(new Error("s3cret")) })
      const response = yield* new RawClient(guarded.url).request("tools/list")
      const refused = yield* new RawClient(guarded.url).json(response)
      assert.include(refused.error?.message, "the request has failed")
    }).pipe(Effect.provide(Logger.layer([Logger.make<unknown, void>(s3cret)]))))
})

describe("a metric that breaks", () => {
  it.live("costs the page of the metrics, and no other", () =>
    recorded((logged) =>
      Effect.gen(function*() {
        let admin = 0
        yield* open({ admin: { port: 0, onListen: (port) => void (admin = port) } })
        const context = yield* Effect.context<never>()
        const metric = Metric.gauge("test_broken", { description: "breaks" })
        const hooks = { get: s3cret, update: () => {}, modify: () => {} }
        yield* Effect.acquireRelease(
          Effect.sync(() => Metric.registerUnsafe(metric, context, hooks)),
          (series) => Effect.sync(() => series.remove())
        )
        const status = (path: string) =>
          Effect.promise(() => fetch(`http://127.0.0.1:${admin}${path}`).then(({ status }) => status))
        assert.deepStrictEqual(
          yield* Effect.forEach(["/metrics", "/healthz", "/readyz", "/sessions"], status),
          [500, 200, 200, 200]
        )
        yield* isLogged(logged, /a request has failed/)
      })
    ))
})
