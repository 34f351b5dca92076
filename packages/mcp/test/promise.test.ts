/** The entry for programs without Effect, over servers in memory. */
import * as McpPromise from "@holdfast/mcp/promise"
import { MemoryServer, type MemoryServerOptions } from "@holdfast/mcp/testing"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import { assert, describe, it, vi } from "vitest"
import { z } from "zod"
import { open } from "../src/internal/promise/open.ts"
import { Reading } from "../src/internal/promise/Reading.ts"
import { LinkOpener } from "../src/LinkOpener.ts"
import { MachineProvider, MemoryProvider } from "./support/OAuthProviders.ts"
import * as OAuthServer from "./support/OAuthServer.ts"

/** Opens a config of one server, `s`, which is in memory. */
const opened = async (server: MemoryServerOptions, options: McpPromise.OpenOptions = {}) => {
  const memory = await Effect.runPromise(MemoryServer.make(server))
  const opener = Layer.succeed(
    LinkOpener,
    (next) => (request, receiver) =>
      memory.endpoint.open?.(request, receiver, next(request, receiver)) ?? next(request, receiver)
  )
  const mcp = await open({ mcpServers: { s: { command: "in-memory" } } }, options, opener)
  return { mcp, memory }
}

const text = (text: string) => ({ content: [{ type: "text", text }] } as const)

/** Its tool `ask` sends a request to the client. */
const asking = (): MemoryServerOptions => ({
  era: "legacy",
  tools: {
    ask: {
      run: ({ id, method, params }, { connection }) => {
        connection.send({ jsonrpc: "2.0", id, method, params })
        return Effect.succeed("asked")
      }
    }
  }
})

/** What the client has answered to the request of this id. */
const answerTo = (memory: MemoryServer, id: string) =>
  vi.waitUntil(() => {
    const frame = memory.received().find((frame) => "id" in frame && frame.id === id && frame._tag !== "Request")
    return frame?._tag === "Success" ? frame.result : frame?._tag === "Failure" ? frame.error : undefined
  })

const rejection = async (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(() => assert.fail("it has not rejected"), (error: unknown) => error)

const reasonOf = async (promise: Promise<unknown>): Promise<McpPromise.Reason> => {
  const error = await rejection(promise)
  assert(error instanceof McpPromise.McpRuntimeError, String(error))
  return error.reason
}

describe("what went before a failure, without Effect", () => {
  it("is in the error, and in a recording, which may be given to a function whose promise rejects", async () => {
    const recordings: Array<string> = []
    const logged: Array<string> = []
    const { mcp } = await opened({
      era: "legacy",
      tools: { die: { run: (_, { connection }) => Effect.sync(() => (connection.exit({ code: 3 }), "")) } }
    }, {
      logger: ({ message }) => logged.push(message),
      recorder: {
        to: async (recording) => {
          recordings.push(recording)
          throw new Error("no room")
        }
      }
    })
    await using _ = mcp
    const error = await rejection(mcp.callTool("s", "die"))
    assert(error instanceof McpPromise.McpRuntimeError, String(error))
    assert.deepStrictEqual(error.history?.slice(0, 2).map(({ outcome }) => outcome), ["ready", "lost"])
    assert.match(error.details, /\n {2}the last tries to connect:\n/)
    await vi.waitUntil(() => logged.some((line) => line.includes("the function that is given recordings failed")))
    const [head = "", ...events] = (recordings[0] ?? "").trimEnd().split("\n")
    assert.strictEqual(JSON.parse(head).holdfast, "recording")
    assert.isTrue(events.some((event) => JSON.parse(event).name === "die"))
    assert.lengthOf(recordings, 1)
  })
})

describe("calls without Effect", () => {
  it("callTool means a tool by its server and its own name; call means it by the name in the list", async () => {
    const { mcp } = await opened({ tools: { greet: { run: ({ name }) => Effect.succeed(`hello ${String(name)}`) } } })
    await using _ = mcp
    assert.deepStrictEqual(mcp.servers(), ["s"])
    assert.strictEqual((await mcp.callTool("s", "greet", { name: "Ada" })).text, "hello Ada")
    assert.strictEqual((await mcp.call("s__greet", { name: "Ada" })).text, "hello Ada")
    assert.strictEqual((await reasonOf(mcp.callTool("t", "greet")))._tag, "UnknownServer")
  })

  it("an output gives the value that a Standard Schema makes of structured content", async () => {
    const { mcp } = await opened({
      tools: {
        today: { run: () => Effect.succeed({ content: [], structuredContent: { city: "Oslo", celsius: "7" } }) },
        words: { run: () => Effect.succeed("it is warm") },
        json: { run: () => Effect.succeed("{\"city\":\"Rome\",\"celsius\":\"30\"}") },
        fails: { run: () => Effect.succeed({ ...text("no such city"), isError: true }) }
      }
    })
    await using _ = mcp
    const Forecast = z.object({ city: z.string(), celsius: z.coerce.number() })
    const options = { output: Forecast }
    assert.deepStrictEqual(await mcp.callTool("s", "today", {}, options), { city: "Oslo", celsius: 7 })
    assert.deepStrictEqual(await mcp.call("s__today", {}, options), { city: "Oslo", celsius: 7 })
    const { tools } = await mcp.tools()
    const today = tools.find(({ name }) => name === "s__today")
    assert.deepStrictEqual(await today?.call({}, options), { city: "Oslo", celsius: 7 })
    // A server from before structured content.
    assert.deepStrictEqual(await mcp.callTool("s", "json", {}, options), { city: "Rome", celsius: 30 })
    // A schema of Effect is one of the standard, too.
    const EffectForecast = Schema.toStandardSchemaV1(Schema.Struct({ city: Schema.String, celsius: Schema.String }))
    assert.deepStrictEqual(await mcp.callTool("s", "today", {}, { output: EffectForecast }), {
      city: "Oslo",
      celsius: "7"
    })
    const slow = { "~standard": { version: 1, vendor: "test", validate: async () => ({ value: 42 }) } } as const
    assert.strictEqual(await mcp.callTool("s", "today", {}, { output: slow }), 42)

    const failed = await reasonOf(mcp.callTool("s", "fails", {}, options))
    assert.deepInclude({ ...failed }, { _tag: "ToolFailed", server: "s", tool: "fails", text: "no such city" })
    const other = await reasonOf(mcp.callTool("s", "today", {}, { output: z.object({ city: z.number() }) }))
    assert.strictEqual(other._tag, "OutputInvalid")
    assert.match(other.message, /s: the answer of the tool "today" is not the output .* expected number.* at city/)
    assert.strictEqual((await reasonOf(mcp.call("s__words", {}, options)))._tag, "OutputInvalid")
    const broken = {
      "~standard": {
        version: 1,
        vendor: "test",
        validate: () => {
          throw new RangeError("the schema is broken")
        }
      }
    } as const
    assert.instanceOf(await rejection(mcp.callTool("s", "today", {}, { output: broken })), RangeError)
  })

  it("a duration that is none rejects with a TypeError that says what is allowed, and nothing is called", async () => {
    const { mcp, memory } = await opened({ tools: { greet: { run: () => Effect.succeed("hello") } } })
    await using _ = mcp
    for (const wrong of ["30 sekonds", Number.NaN, null, -1, "-1 second"]) {
      // Programs in JavaScript say what they like.
      const deadline = wrong as McpPromise.Duration
      const calls = [() => mcp.callTool("s", "greet", {}, { deadline }), () => mcp.call("s__greet", {}, { deadline })]
      for (const call of calls) {
        const error = await rejection(call())
        assert.instanceOf(error, TypeError)
        assert.match(
          error.message,
          /^deadline: .* is not a duration such as "30 seconds", a number of milliseconds, or "Infinity"$/
        )
      }
    }
    assert.match(
      String(await rejection(mcp.tools({ within: "soon" as McpPromise.Duration }))),
      /TypeError: within: "soon"/
    )
    assert.match(
      String(await rejection(opened({}, { deadline: "soon" as McpPromise.Duration }))),
      /TypeError: deadline: "soon"/
    )
    assert.isEmpty(memory.calls("greet"))
  })
})

describe("resources, prompts and completions without Effect", () => {
  it("are those of the server", async () => {
    const { mcp } = await opened({
      handlers: {
        "resources/list": () => Effect.succeed({ resources: [{ uri: "note://1", name: "one" }] }),
        "resources/templates/list": () =>
          Effect.succeed({ resourceTemplates: [{ uriTemplate: "note://{n}", name: "n" }] }),
        "resources/read": ({ uri }) => Effect.succeed({ contents: [{ uri, text: "read" }] }),
        "prompts/list": () => Effect.succeed({ prompts: [{ name: "greet", arguments: [{ name: "who" }] }] }),
        "prompts/get": ({ arguments: args }) =>
          Effect.succeed({ messages: [{ role: "user", content: { type: "text", text: JSON.stringify(args) } }] }),
        "completion/complete": () => Effect.succeed({ completion: { values: ["Ada"], total: 1 } }),
        "vendor/thing": ({ n }) => Effect.succeed({ n })
      }
    })
    await using _ = mcp
    assert.deepStrictEqual(await mcp.listResources("s"), [{ uri: "note://1", name: "one" }])
    assert.deepStrictEqual(await mcp.listResourceTemplates("s"), [{ uriTemplate: "note://{n}", name: "n" }])
    assert.deepStrictEqual(await mcp.readResource("s", "note://1"), [{ uri: "note://1", text: "read" }])
    assert.deepStrictEqual(await mcp.listPrompts("s"), [{ name: "greet", arguments: [{ name: "who" }] }])
    const { messages } = await mcp.getPrompt("s", "greet", { who: "Ada" })
    assert.deepStrictEqual(messages, [{ role: "user", content: { type: "text", text: "{\"who\":\"Ada\"}" } }])
    const request = { ref: { type: "ref/prompt", name: "greet" }, argument: { name: "who", value: "A" } } as const
    assert.deepStrictEqual(await mcp.complete("s", request), { values: ["Ada"], total: 1 })
    assert.deepInclude(await mcp.request("s", "vendor/thing", { n: 1 }), { n: 1 })
  })

  it("an aborted read rejects with the signal's reason", async () => {
    const { mcp, memory } = await opened({ handlers: { "resources/read": () => Effect.never } })
    await using _ = mcp
    const controller = new AbortController()
    const reading = rejection(mcp.readResource("s", "note://1", { signal: controller.signal }))
    await vi.waitUntil(() =>
      memory.received().some((frame) => frame._tag === "Request" && frame.method === "resources/read")
    )
    const reason = new Error("changed my mind")
    controller.abort(reason)
    assert.strictEqual(await reading, reason)
  })
})

describe("handlers without Effect", () => {
  it("answer what servers ask: at once, by a promise, with a refusal, and with a mistake of their own", async () => {
    const lines: Array<McpPromise.LogEntry> = []
    const { mcp, memory } = await opened(asking(), {
      logger: (entry) => void lines.push(entry),
      handlers: {
        roots: ({ server }) => [{ uri: `file:///${server}` }],
        sampling: async (params) => ({
          role: "assistant",
          model: "m",
          content: { type: "text", text: JSON.stringify(params) }
        }),
        elicitation: async (params) => {
          if (JSON.stringify(params).includes("broken")) throw new RangeError("out of order")
          throw new McpPromise.RequestDeclined({ code: -1, message: "the user said no" })
        }
      }
    })
    await using _ = mcp
    const ask = async (id: string, method: string, params = {}): Promise<unknown> => {
      await mcp.callTool("s", "ask", { id, method, params })
      return answerTo(memory, id)
    }
    assert.deepStrictEqual(await ask("1", "roots/list"), { roots: [{ uri: "file:///s" }] })
    assert.deepInclude(await ask("2", "sampling/createMessage", { maxTokens: 1 }), {
      content: { type: "text", text: "{\"maxTokens\":1}" }
    })
    assert.deepInclude(await ask("3", "elicitation/create"), { code: -1, message: "the user said no" })
    assert.deepInclude(await ask("4", "elicitation/create", { message: "broken" }), { code: -32603 })
    await vi.waitUntil(() => lines.some(({ error }) => String(error).includes("out of order")))
  })

  it("are told by their signal that the server has taken its request back", async () => {
    const signals: Array<AbortSignal> = []
    const { mcp, memory } = await opened(asking(), {
      handlers: {
        elicitation: (_, { signal }) => {
          signals.push(signal)
          return new Promise(() => {})
        }
      }
    })
    await using _ = mcp
    await mcp.callTool("s", "ask", { id: "q", method: "elicitation/create", params: {} })
    await vi.waitUntil(() => signals.length === 1)
    await Effect.runPromise(memory.notify("notifications/cancelled", { requestId: "q" }))
    await vi.waitUntil(() => signals[0]?.aborted === true)
    assert.strictEqual(signals.length, 1)
  })
})

describe("what is told as it happens, without Effect", () => {
  const telling: MemoryServerOptions = {
    era: "legacy",
    tools: { greet: { run: () => Effect.succeed("hello") } },
    handlers: {
      "resources/subscribe": ({ uri }) =>
        uri === "note://none" ? Effect.fail({ code: -32002, message: "there is none" }) : Effect.succeed({}),
      "resources/unsubscribe": () => Effect.succeed({}),
      "logging/setLevel": () => Effect.succeed({})
    },
    capabilities: { resources: { subscribe: true }, logging: {} }
  }
  const say = (memory: MemoryServer, method: string, params: object) => Effect.runPromise(memory.notify(method, params))
  const asked = (memory: MemoryServer, method: string) =>
    memory.received().some((frame) => frame._tag === "Request" && frame.method === method)

  it("notifications are those from the call on, and `break` ends them", async () => {
    const { mcp, memory } = await opened(telling)
    await using _ = mcp
    const reader = mcp.notifications()
    await mcp.callTool("s", "greet")
    for (const n of [1, 2, 3]) await say(memory, "vendor/news", { n })
    const read: Array<unknown> = []
    for await (const { method, params, server } of reader) {
      read.push([server, method, params])
      if (read.length === 2) break
    }
    assert.deepStrictEqual(read, [["s", "vendor/news", { n: 1 }], ["s", "vendor/news", { n: 2 }]])
    assert.deepStrictEqual(await reader.next(), { done: true, value: undefined })
  })

  it("events tell that a server is connected", async () => {
    const { mcp } = await opened(telling)
    await using _ = mcp
    await using reader = mcp.events()
    await mcp.callTool("s", "greet")
    for await (const event of reader) {
      if (event._tag === "SlotMoved" && event.to === "Ready") {
        assert.strictEqual(event.key, "s")
        break
      }
    }
  })

  it("a reader that waits is ended by its signal, by return, and by close", async () => {
    const { mcp } = await opened(telling)
    const controller = new AbortController()
    const over = { done: true, value: undefined } as const
    const [aborted, returned, closed] = [mcp.notifications({ signal: controller.signal }), mcp.events(), mcp.events()]
    assert.deepStrictEqual(await mcp.events({ signal: AbortSignal.abort() }).next(), over)
    const waiting = [aborted.next(), returned.next(), closed.next(), closed.next()]
    controller.abort()
    assert.deepStrictEqual(await waiting[0], over)
    assert.deepStrictEqual(await returned.return(), over)
    assert.deepStrictEqual(await waiting[1], over)
    await mcp.close()
    assert.deepStrictEqual(await Promise.all(waiting), [over, over, over, over])
    const late = Result.try(() => mcp.notifications())
    assert(Result.isFailure(late) && late.failure instanceof McpPromise.McpRuntimeError)
    assert.strictEqual(late.failure.reason._tag, "ShuttingDown")
  })

  it("a reader keeps the program alive while it is waited for, and the rest of the time it does not", async () => {
    let held = 0
    const hold = { take: () => void held++, release: () => void held-- }
    const told = Promise.withResolvers<IteratorResult<number>>()
    const reading = new Reading<number>({ next: () => told.promise }, { hold })
    assert.strictEqual(held, 0)
    const waiting = [reading.next(), reading.next()]
    assert.strictEqual(held, 2)
    told.resolve({ done: false, value: 1 })
    assert.deepStrictEqual(await Promise.all(waiting), [{ done: false, value: 1 }, { done: false, value: 1 }])
    assert.strictEqual(held, 0)
  })

  // Cocoanetics/SwiftMCP#179: a client that looks connected and is told nothing any more.
  it("a subscription tells the changes of its resource alone, and that one may have been missed; its end is told the server", async () => {
    const { mcp, memory } = await opened(telling, { logLevel: "none" })
    await using _ = mcp
    assert.strictEqual((await reasonOf(mcp.subscribe("s", "note://none")))._tag, "ServerError")
    const reader = await mcp.subscribe("s", "note://1")
    const update = (uri: string) => say(memory, "notifications/resources/updated", { uri })
    await update("note://2")
    await update("note://1")
    assert.deepStrictEqual((await reader.next()).value, { uri: "note://1", isMissed: false })
    await Effect.runPromise(memory.kill)
    assert.deepStrictEqual((await reader.next()).value, { uri: "note://1", isMissed: true })
    assert.isFalse(asked(memory, "resources/unsubscribe"))
    await reader.return()
    await vi.waitUntil(() => asked(memory, "resources/unsubscribe"))
  })

  it("logs tell what a server logs from a level on", async () => {
    const { mcp, memory } = await opened(telling)
    await using _ = mcp
    await using reader = await mcp.logs("s", "warning")
    for (const level of ["info", "error"]) {
      await say(memory, "notifications/message", { level, data: "disk", logger: "io" })
    }
    assert.deepStrictEqual((await reader.next()).value, { level: "error", data: "disk", logger: "io" })
  })
})

describe("the log without Effect", () => {
  it("goes to the logger, with the server it is about, from the level on that is asked for", async () => {
    const entries: Array<McpPromise.LogEntry> = []
    const { mcp, memory } = await opened({ tools: { greet: { run: () => Effect.succeed("hello") } } }, {
      logger: (entry) => void entries.push(entry),
      logLevel: "debug"
    })
    await using _ = mcp
    await mcp.callTool("s", "greet")
    await Effect.runPromise(memory.kill)
    await vi.waitUntil(() => entries.some(({ level, server }) => level === "warn" && server === "s"))
    assert.isTrue(entries.some(({ level, server }) => level === "debug" && server === "s"))
  })

  it("is silent at `none`, and a logger that throws harms nothing and is told of once", async () => {
    const said = vi.spyOn(console, "error").mockReturnValue()
    try {
      for (const logLevel of ["none", "debug"] as const) {
        const { mcp } = await opened({ tools: { greet: { run: () => Effect.succeed("hello") } } }, {
          logLevel,
          logger: () => {
            throw new Error("the disk is full")
          }
        })
        await using _ = mcp
        assert.strictEqual((await mcp.callTool("s", "greet")).text, "hello")
        assert.strictEqual(said.mock.calls.length, logLevel === "none" ? 0 : 1)
      }
      assert.include(String(said.mock.calls.flat()), "the disk is full")
    } finally {
      said.mockRestore()
    }
  })
})

describe("authorizers without Effect", () => {
  const guarded = async (
    test: (
      server: OAuthServer.OAuthServer,
      call: (authorizer: McpPromise.Authorizer) => Promise<unknown>
    ) => Promise<void>
  ): Promise<void> => {
    const scope = Scope.makeUnsafe()
    const server = await Effect.runPromise(Scope.provide(OAuthServer.make, scope))
    const call = async (authorizer: McpPromise.Authorizer): Promise<unknown> => {
      await using mcp = await McpPromise.openMcp(
        { mcpServers: { guarded: { url: server.url, holdfast: { era: "legacy" } } } },
        { authorizers: { guarded: authorizer }, logLevel: "none" }
      )
      return (await mcp.callTool("guarded", "write", {}, { idempotent: false })).isError
    }
    try {
      await test(server, call)
    } finally {
      await Effect.runPromise(Scope.close(scope, Exit.void))
    }
  }

  it("oauth fetches a token when the server asks for one, and finishes what a user began", () =>
    guarded(async (server, call) => {
      assert.isFalse(await call(McpPromise.oauth({ serverUrl: server.url, provider: new MachineProvider() })))
      assert.deepStrictEqual(server.grants, ["client_credentials"])
      const provider = new MemoryProvider()
      const withUser = McpPromise.oauth({ serverUrl: server.url, provider })
      const refused = await reasonOf(call(withUser))
      assert.strictEqual(refused._tag, "HttpRejected")
      assert.include(refused.message, "finish with the code that comes back")
      await withUser.finish("the-code")
      assert.isFalse(await call(withUser))
    }))

  it("tokens asks its source again when a token is refused, and is no mistake of the program when the source fails", () =>
    guarded(async (server, call) => {
      const machine = McpPromise.oauth({ serverUrl: server.url, provider: new MachineProvider() })
      await call(machine)
      const good = server.issued[0] ?? ""
      const given: Array<string> = []
      const source = McpPromise.tokens({
        token: () => {
          const token = given.length === 0 ? "an-old-token" : good
          given.push(token)
          return token
        }
      })
      assert.isFalse(await call(source))
      assert.deepStrictEqual(given, ["an-old-token", good])
      const failing = McpPromise.tokens({ token: () => Promise.reject(new Error(`no ${good}`)) })
      const refused = await reasonOf(call(failing))
      assert.include(refused.message, "the token source failed")
      assert.notInclude(refused.message, good)
      assert.throws(
        () => McpPromise.tokens({ token: () => "", timeout: "soon" as McpPromise.Duration }),
        TypeError,
        "timeout"
      )
    }))

  it("one of one's own is asked before each request and when it is refused; what it says of a refusal reaches the caller", () =>
    guarded(async (server, call) => {
      await call(McpPromise.oauth({ serverUrl: server.url, provider: new MachineProvider() }))
      let token = "an-old-token"
      const challenges: Array<McpPromise.Challenge> = []
      const own: McpPromise.Authorizer = {
        identity: "ada",
        headers: async () => ({ authorization: `Bearer ${token}` }),
        onChallenge: (challenge) => {
          challenges.push(challenge)
          token = server.issued[0] ?? ""
        }
      }
      assert.isFalse(await call(own))
      assert.deepStrictEqual(challenges.map(({ sent, status }) => [status, sent]), [
        [401, { authorization: "Bearer an-old-token" }]
      ])
      const declining: McpPromise.Authorizer = {
        identity: "eve",
        headers: () => ({}),
        onChallenge: () => {
          throw new McpPromise.AuthorizationRefused({ description: "run `login` first" })
        }
      }
      assert.include((await reasonOf(call(declining))).message, "run `login` first")
      assert.include(
        (await reasonOf(call({ identity: "bob", headers: () => ({}) }))).message,
        "the server refuses the credentials"
      )
    }))
})
