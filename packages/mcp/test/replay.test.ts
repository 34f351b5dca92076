/** A recorded server: it answers as it did, fails as it did, and says what it never was asked. */
import { assert, describe, it } from "@effect/vitest"
import { McpConfig } from "@holdfast/mcp/McpConfig"
import { type LayerOptions, McpConnections } from "@holdfast/mcp/McpConnections"
import { CommandNotFound } from "@holdfast/mcp/McpRuntimeError"
import * as Messages from "@holdfast/mcp/Messages"
import * as Recording from "@holdfast/mcp/Recording"
import type { ReplayOptions } from "@holdfast/mcp/Replay"
import { Fault, MemoryServer, type MemoryServerOptions, RecordedServer } from "@holdfast/mcp/testing"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Result from "effect/Result"
import { TestClock } from "effect/testing"
import * as path from "node:path"
import { inTime } from "./support/memoryTime.ts"
import { recordedFailures } from "./support/recordedFailures.ts"
import { tapped } from "./support/tapped.ts"

const clientInfo = { name: "another", version: "1.0.0" }
const fixture = (name: string) => path.resolve(import.meta.dirname, `fixtures/recordings/${name}.ndjson`)

type Mcp = McpConnections["Service"]

/** Records what `use` does with a server, as a text and back. */
const recorded = <A, E>(
  options: MemoryServerOptions,
  use: (mcp: Mcp) => Effect.Effect<A, E>,
  layer: Pick<LayerOptions, "handlers"> = {}
) =>
  Effect.gen(function*() {
    const { events, head } = yield* inTime(tapped(yield* MemoryServer.make({ era: "legacy", ...options }), use, layer))
    return Result.getOrThrow(Recording.decode(Recording.encode({ head, events })))
  })

/** The recorded server and a client of it. */
const replayed = (recording: Recording.Recording, options?: ReplayOptions, layer?: Pick<LayerOptions, "handlers">) =>
  Effect.gen(function*() {
    const server = yield* RecordedServer.make(recording, options)
    const config = yield* McpConfig.make({ it: { endpoint: server.endpoint, era: "legacy" } })
    return { server, mcp: yield* McpConnections.make(config, { clientInfo, ...layer }) }
  })

const say = (mcp: Mcp, text: string, more: object = {}) =>
  mcp.callTool("it", { name: "echo", arguments: { text, ...more } }, { idempotent: false, deadline: "1 minute" })
const textOf = (mcp: Mcp, text: string, more?: object) => Effect.map(inTime(say(mcp, text, more)), Messages.textOf)
const failureOf = (mcp: Mcp, text: string, more?: object) =>
  Effect.map(inTime(Effect.flip(say(mcp, text, more))), ({ reason }) => reason)

const echo: MemoryServerOptions = { tools: { echo: { run: ({ text }) => Effect.succeed(`heard ${String(text)}`) } } }

describe("a failure that was recorded", () => {
  for (const { call, name, options } of recordedFailures) {
    it.effect(`fails in the same way again: ${name}`, () =>
      Effect.gen(function*() {
        const recording = yield* Recording.load(fixture(name))
        const { mcp } = yield* replayed(recording)
        const [failure] = recording.head.failures ?? []
        const { reason } = yield* inTime(Effect.flip(mcp.callTool("it", call, options)))
        assert.deepStrictEqual({ reason: reason._tag, message: reason.message, server: "it" }, failure)
      }))
  }

  it.effect("of a dial is that of the dial again", () =>
    Effect.gen(function*() {
      const missing = new CommandNotFound({ server: "it", command: "gone", searched: "/bin" })
      const recording = yield* recorded(
        { ...echo, onDial: () => Effect.fail(missing) },
        (mcp) => Effect.exit(say(mcp, "hi"))
      )
      const { mcp, server } = yield* replayed(recording)
      assert.deepStrictEqual(yield* failureOf(mcp, "hi"), missing)
      assert.strictEqual(server.opened(), 0)
    }))
})

describe("a recorded server", () => {
  it.effect("answers by method and arguments, whatever the id, the client, the order of members and of calls", () =>
    Effect.gen(function*() {
      const recording = yield* recorded(
        echo,
        (mcp) => Effect.andThen(say(mcp, "one", { a: [1], b: {} }), say(mcp, "two"))
      )
      const { mcp, server } = yield* replayed(recording)
      assert.strictEqual(yield* textOf(mcp, "two"), "heard two")
      assert.deepStrictEqual(server.unused(), [`tools/call of echo {"text":"one","a":[1],"b":{}}`])
      const call = mcp.callTool("it", { name: "echo", arguments: { b: {}, a: [1], text: "one" } }, {
        idempotent: false
      })
      assert.strictEqual(Messages.textOf(yield* inTime(call)), "heard one")
      assert.deepStrictEqual(server.unused(), [])
      assert.deepStrictEqual(server.misses(), [])
    }))

  // Always the first of equal requests was replayed: kevin1024/vcrpy#842.
  it.effect("gives equal requests their outcomes in the recorded order, and then the last one again", () =>
    Effect.gen(function*() {
      let count = 0
      const recording = yield* recorded(
        { tools: { echo: { run: () => Effect.succeed(`the ${++count}.`) } } },
        (mcp) => Effect.andThen(say(mcp, "x"), say(mcp, "x"))
      )
      const { mcp } = yield* replayed(recording)
      const said = yield* Effect.forEach([1, 2, 3, 4], () => textOf(mcp, "x"))
      assert.deepStrictEqual(said, ["the 1.", "the 2.", "the 2.", "the 2."])
    }))

  // A refusal that does not say which request was near helps no reader: php-vcr/php-vcr#94.
  it.effect("refuses what was not recorded, with a sentence that names the nearest recorded request", () =>
    Effect.gen(function*() {
      const recording = yield* recorded(
        { tools: { ...echo.tools, other: { run: () => Effect.succeed("o") } } },
        (mcp) =>
          Effect.all([
            say(mcp, "something else altogether"),
            say(mcp, "hello"),
            mcp.callTool("it", { name: "other" }, { idempotent: false })
          ])
      )
      const { mcp, server } = yield* replayed(recording)
      const refusal = yield* failureOf(mcp, "helo")
      const lines = Recording.encode(recording).split("\n")
      const line = lines.findIndex((each) => each.includes(`"request"`) && each.includes(`"hello"`)) + 1
      const sentence = `the recording has no tools/call of echo {"text":"helo"}; ` +
        `the nearest is tools/call of echo {"text":"hello"} in line ${line}`
      assert.deepInclude(refusal, { _tag: "ServerError" })
      assert.include(refusal.message, sentence)
      assert.deepStrictEqual(server.misses(), [sentence])
      const prompt = yield* inTime(Effect.flip(mcp.request("it", { method: "prompts/get", params: { name: "p" } })))
      assert.match(prompt.message, /the recording has no prompts\/get of p; the nearest is /)
    }))

  it.effect("knows a request again whose secret was taken out of the recording", () =>
    Effect.gen(function*() {
      const recording = yield* recorded(echo, (mcp) => say(mcp, "in", { password: "hunter2" }))
      assert.notInclude(Recording.encode(recording), "hunter2")
      const { mcp } = yield* replayed(recording)
      assert.strictEqual(yield* textOf(mcp, "in", { password: "of today" }), "heard in")
      assert.strictEqual((yield* failureOf(mcp, "out", { password: "of today" }))._tag, "ServerError")
    }))

  it.effect("takes as long as it took, in virtual time, unless it is to answer at once", () =>
    Effect.gen(function*() {
      const recording = yield* Effect.gen(function*() {
        const fiber = yield* Effect.forkChild(
          recorded({ tools: { echo: { run: () => Effect.as(Effect.sleep("3 seconds"), "slow") } } }, (mcp) =>
            say(mcp, "x")),
          { startImmediately: true }
        )
        return yield* Fiber.join(fiber)
      })
      const took = (options: ReplayOptions) =>
        Effect.scoped(Effect.gen(function*() {
          const { mcp } = yield* replayed(recording, options)
          const began = yield* Clock.currentTimeMillis
          yield* textOf(mcp, "x")
          return (yield* Clock.currentTimeMillis) - began
        }))
      const [slow, fast] = [yield* took({}), yield* took({ timing: "immediate" })]
      assert.isAtLeast(slow, 3000)
      assert.isBelow(fast, 1000)
    }))

  it.effect("reports progress under the token of the call, before its result, and none that is not asked for", () =>
    Effect.gen(function*() {
      const run = (_: object, call: { readonly progress: (p: Messages.Progress) => Effect.Effect<void> }) =>
        Effect.as(Effect.forEach([1, 2], (progress) => call.progress({ progress, total: 2 })), "done")
      const recording = yield* recorded(
        { tools: { echo: { run } } },
        (mcp) =>
          mcp.callTool("it", { name: "echo", arguments: { text: "x" } }, { idempotent: false, onProgress: () => {} })
      )
      const { mcp } = yield* replayed(recording)
      // So that the ids, and with them the tokens, are others.
      for (let index = 0; index < 5; index++) yield* inTime(mcp.request("it", { method: "ping" }))
      const heard: Array<string> = []
      const call = mcp.callTool("it", { name: "echo", arguments: { text: "x" } }, {
        idempotent: false,
        onProgress: ({ progress }) => heard.push(`${progress}`)
      })
      heard.push(Messages.textOf(yield* inTime(call)))
      assert.deepStrictEqual(heard, ["1", "2", "done"])
    }))

  it.effect("asks what it asked, and goes on when it is answered", () =>
    Effect.gen(function*() {
      const tools: MemoryServerOptions["tools"] = {
        echo: {
          run: (_, { connection }) =>
            Effect.gen(function*() {
              connection.send({ jsonrpc: "2.0", id: "q1", method: "roots/list" })
              yield* Effect.sleep("200 millis")
              return "answered"
            })
        }
      }
      const handlers = (order: Array<string>) => ({
        roots: () => Effect.delay(Effect.sync(() => (order.push("asked"), [])), "50 millis")
      })
      const recording = yield* recorded({ tools }, (mcp) => say(mcp, "x"), { handlers: handlers([]) })
      assert.isTrue(
        recording.events.some((event) =>
          event.event === "message" && event.from === "server" && event.kind === "request"
        )
      )
      const order: Array<string> = []
      const { mcp } = yield* replayed(recording, { timing: "immediate" }, { handlers: handlers(order) })
      order.push(yield* textOf(mcp, "x"))
      assert.deepStrictEqual(order, ["asked", "answered"])
    }))

  it.effect("says why a recording cannot be replayed", () =>
    Effect.gen(function*() {
      const { events, head } = yield* recorded(echo, (mcp) => say(mcp, "x"))
      const problemOf = (recording: Recording.Recording, options?: ReplayOptions) =>
        Effect.map(Effect.flip(RecordedServer.make(recording, options)), ({ message }) => message)
      assert.match(yield* problemOf({ head: { ...head, bodies: false }, events }), /Record with bodies/)
      assert.match(yield* problemOf({ head, events: [] }), /no connection was opened/)
      assert.match(yield* problemOf({ head, events }, { server: "other" }), /no server "other"; it has it/)
      const twice = events.flatMap((event): ReadonlyArray<Recording.Event> =>
        event.event === "opened" ? [event, { ...event, server: "that", connection: 2 }] : [event]
      )
      assert.match(yield* problemOf({ head, events: twice }), /several servers \(it, that\)/)
      assert.match(
        String((yield* Effect.flip(RecordedServer.load("/nowhere/f.ndjson"))).message),
        /^\/nowhere\/f\.ndjson: the file cannot be read \(ENOENT\)$/
      )
    }))
})

describe("a fault of a recorded server", () => {
  const at = { method: "tools/call", name: "echo" }
  const withFaults = (...faults: ReadonlyArray<Fault>) =>
    Effect.flatMap(
      recorded(echo, (mcp) => Effect.andThen(say(mcp, "one"), say(mcp, "two"))),
      (recording) => replayed(recording, { faults })
    )

  it.effect("kills it in the place of an answer: the call may have run", () =>
    Effect.gen(function*() {
      const { mcp, server } = yield* withFaults(Fault.kill(at, { code: 3 }))
      const reason = yield* failureOf(mcp, "one")
      assert.deepInclude(reason, { _tag: "OutcomeUnknown" })
      assert.match(reason.message, /exited with code 3/)
      assert.strictEqual(yield* textOf(mcp, "two"), "heard two")
      assert.strictEqual(server.opened(), 2)
    }))

  it.effect("cuts a line in half and kills it: half of the answer comes, and the call may have run", () =>
    Effect.gen(function*() {
      const recording = yield* recorded(echo, (mcp) => say(mcp, "one"))
      const server = yield* RecordedServer.make(recording, { faults: [Fault.halfLine(at), Fault.kill(at)] })
      const { events, result } = yield* inTime(tapped(server, (mcp) => Effect.flip(say(mcp, "one"))))
      assert.strictEqual(result.reason._tag, "OutcomeUnknown")
      const half = events.find((event) => event.event === "message" && event.kind === "malformed")
      const whole = JSON.stringify({
        jsonrpc: "2.0",
        id: 3,
        result: { content: [{ type: "text", text: "heard one" }] }
      })
      const excerpt = whole.slice(0, Math.ceil(whole.length / 2))
      assert.deepInclude(half, { body: { reason: "the output ended in the middle of a line", excerpt } })
    }))

  it.effect("cuts a line in half: the call waits for its deadline, and the next one has its answer after the noise", () =>
    Effect.gen(function*() {
      const { mcp } = yield* withFaults(Fault.halfLine({ ...at, nth: 1 }), Fault.duplicate({ ...at, nth: 2 }))
      const call = mcp.callTool("it", { name: "echo", arguments: { text: "one" } }, {
        idempotent: false,
        deadline: "1 second"
      })
      assert.strictEqual((yield* inTime(Effect.flip(call))).reason._tag, "DeadlineExceeded")
      // Its first copy is the other half of the line.
      assert.strictEqual(yield* textOf(mcp, "two"), "heard two")
    }))

  it.effect("drops everything after so many messages: the connection stays, the answer does not come", () =>
    Effect.gen(function*() {
      // The answer to initialize, and to the first call.
      const { mcp, server } = yield* withFaults(Fault.dropAfter(2))
      assert.strictEqual(yield* textOf(mcp, "one"), "heard one")
      const call = mcp.callTool("it", { name: "echo", arguments: { text: "two" } }, {
        idempotent: false,
        deadline: "1 second"
      })
      assert.strictEqual((yield* inTime(Effect.flip(call))).reason._tag, "DeadlineExceeded")
      assert.lengthOf(server.connections(), 1)
    }))

  it.effect("makes an answer late by so much", () =>
    Effect.gen(function*() {
      const { mcp } = yield* withFaults(Fault.delay("2 minutes", at))
      const fiber = yield* Effect.forkChild(say(mcp, "one"), { startImmediately: true })
      yield* TestClock.adjust("1 minute")
      const exit = yield* Effect.flip(Fiber.join(fiber))
      assert.deepInclude(exit.reason, { _tag: "DeadlineExceeded", afterMillis: 60_000 })
    }))

  it.effect("gives an answer another id: the call waits, and no other is harmed", () =>
    Effect.gen(function*() {
      const { mcp } = yield* withFaults(Fault.wrongId(at))
      const call = mcp.callTool("it", { name: "echo", arguments: { text: "one" } }, {
        idempotent: false,
        deadline: "1 second"
      })
      assert.strictEqual((yield* inTime(Effect.flip(call))).reason._tag, "DeadlineExceeded")
      assert.strictEqual(yield* textOf(mcp, "two"), "heard two")
    }))

  it.effect("gives an answer twice: the call has it once, and so has the next one its own", () =>
    Effect.gen(function*() {
      const { mcp } = yield* withFaults(Fault.duplicate(at))
      assert.strictEqual(yield* textOf(mcp, "one"), "heard one")
      assert.strictEqual(yield* textOf(mcp, "two"), "heard two")
    }))
})
