/** Why a server is as it is: what `explain` tells, and what an error brings along. */
import { assert, describe, it } from "@effect/vitest"
import { Endpoint } from "@holdfast/mcp/Endpoint"
import * as Explanation from "@holdfast/mcp/Explanation"
import { McpConfig, type ServerOptions } from "@holdfast/mcp/McpConfig"
import { type CallOptions, McpConnections } from "@holdfast/mcp/McpConnections"
import { HttpRejected, type McpRuntimeError, Unreachable } from "@holdfast/mcp/McpRuntimeError"
import { type MemoryPeer, MemoryServer, type MemoryServerOptions } from "@holdfast/mcp/testing"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { TestClock } from "effect/testing"
import { inspect } from "node:util"
import { inTime, settled } from "./support/memoryTime.ts"

const make = Effect.fnUntraced(function*(endpoint: Endpoint, options: Partial<ServerOptions> = {}) {
  const mcp = yield* McpConnections.make(yield* McpConfig.make({ it: { endpoint, ...options } }))
  return {
    mcp,
    explained: mcp.explain("it"),
    call: (name: string, options: CallOptions = {}) => inTime(Effect.result(mcp.callTool("it", { name }, options))),
    failed: (name: string, options: CallOptions = {}) => inTime(Effect.flip(mcp.callTool("it", { name }, options)))
  }
})

const echo = { echo: { run: () => Effect.succeed("here") } }

const served = Effect.fnUntraced(function*(memory: MemoryServerOptions = {}, options: Partial<ServerOptions> = {}) {
  const server = yield* MemoryServer.make({ era: "legacy", tools: echo, ...memory })
  return { server, ...(yield* make(server.endpoint, options)) }
})

/** A server whose processes end before they have answered. */
const dying = (end: (peer: MemoryPeer) => void, endpoint = (given: Endpoint) => given) =>
  Effect.flatMap(
    MemoryServer.script((peer) =>
      Effect.andThen(peer.read, Effect.andThen(Effect.sync(() => end(peer)), Effect.never))
    ),
    (server) => make(endpoint(server.endpoint), { era: "legacy" })
  )

const stepsOf = ({ steps }: Explanation.Try) =>
  steps.map(({ step, what }) => what === undefined ? step : `${step} ${what}`)

describe("the tries of a server", () => {
  it.effect("have the steps of the dial with their times, and the first lists", () =>
    Effect.gen(function*() {
      const slow = (method: string, millis: number) => ({
        [method]: () => Effect.delay(Effect.succeed({ tools: [] }), millis)
      })
      const { call, explained } = yield* served({
        onDial: () => Effect.sleep(30),
        handlers: slow("tools/list", 200)
      })
      yield* call("echo")
      yield* inTime(Effect.sleep(300))
      const { tries } = yield* explained
      assert.strictEqual(tries.length, 1)
      assert.deepInclude(tries[0], { outcome: "ready", era: "legacy" })
      const steps = tries[0]?.steps ?? []
      assert.deepStrictEqual(stepsOf(tries[0]!), [
        "spawn",
        "handshake server/discover",
        "handshake initialize",
        "handshake notifications/initialized",
        "list tools/list"
      ])
      assert.strictEqual(steps[0]?.millis, 30)
      assert.isAtLeast(steps[4]?.millis ?? 0, 200)
    }))

  it.effect("say of a url how long it took to reach it", () =>
    Effect.gen(function*() {
      const { call, explained } = yield* served({ transport: "http" })
      yield* call("echo")
      const { tries } = yield* explained
      assert.deepStrictEqual(stepsOf(tries[0]!).slice(0, 2), ["connect", "handshake server/discover"])
    }))

  // nicobailon/pi-mcp-adapter#196, anthropics/claude-agent-sdk-typescript#110: "failed", and no word why.
  it.effect("say which step has failed, how the process ended, its last words and what to do", () =>
    Effect.gen(function*() {
      const { explained, failed } = yield* dying((peer) => {
        peer.warn("docker is not running\n")
        peer.exit({ code: 3 })
      })
      yield* failed("echo")
      const one = (yield* explained).tries.at(-1)!
      assert.deepInclude(one, { outcome: "failed", failedStep: "handshake", reason: "ServerExited", exitCode: 3 })
      assert.deepStrictEqual(stepsOf(one), ["spawn", "handshake initialize"])
      assert.include(one.stderr, "docker is not running")
      assert.strictEqual(one.page, "docs/errors/ServerExited.md")
      assert.include(one.advice, "Read its stderr")
    }))

  it.effect("say that a url was never reached, or what it has answered", () =>
    Effect.gen(function*() {
      const url = "http://docs.invalid/mcp"
      let reason: HttpRejected | Unreachable = new Unreachable({ server: "it", url, description: "connection refused" })
      const { explained, failed } = yield* served({ transport: "http", onDial: () => Effect.fail(reason) })
      yield* failed("echo", { deadline: "10 millis" })
      assert.deepInclude((yield* explained).tries.at(-1), { failedStep: "connect", reason: "Unreachable" })
      reason = new HttpRejected({ server: "it", url, status: 401, description: "no token" })
      yield* failed("echo")
      assert.deepInclude((yield* explained).tries.at(-1), {
        reason: "HttpRejected",
        http: { status: 401, body: "no token" }
      })
    }))

  it.effect("tell a server that dies of the question of its era from one that fails", () =>
    Effect.gen(function*() {
      let dials = 0
      const server = yield* MemoryServer.make({
        era: "legacy",
        tools: echo,
        onDial: () => Effect.sync(() => void dials++)
      })
      const deadly = yield* MemoryServer.script((peer) =>
        Effect.andThen(peer.read, Effect.andThen(Effect.sync(() => peer.exit({ code: 1 })), Effect.never))
      )
      // The first process is the deadly one.
      const endpoint = Endpoint.stdio({
        command: "old",
        open: (options, receiver, direct) =>
          (dials++ === 0 ? deadly : server).endpoint.open?.(options, receiver, direct) ?? direct
      })
      const { call, explained } = yield* make(endpoint)
      yield* call("echo")
      assert.deepStrictEqual((yield* explained).tries.map(({ outcome }) => outcome), ["other era", "ready"])
    }))

  it.effect("say how long a connection lived that was lost, and nothing of one that was closed here", () =>
    Effect.gen(function*() {
      const { call, explained, mcp, server } = yield* served()
      yield* call("echo")
      yield* inTime(Effect.sleep(500))
      yield* server.kill
      yield* settled
      assert.deepInclude((yield* explained).tries.at(-1), { outcome: "lost", failedStep: "life", signal: "SIGKILL" })
      assert.isAtLeast((yield* explained).tries.at(-1)?.steps[0]?.millis ?? 0, 500)
      yield* call("echo")
      yield* mcp.reset("it")
      yield* inTime(Effect.sleep(100))
      assert.strictEqual((yield* explained).tries.at(-1)?.outcome, "ready")
    }))

  it.effect("are bounded, and survive JSON", () =>
    Effect.gen(function*() {
      const { explained, failed } = yield* dying((peer) => {
        peer.warn(`${"x".repeat(100_000)}\n`)
        peer.exit({ code: 1 })
      })
      for (let i = 0; i < 8; i++) {
        yield* failed("echo", { deadline: "2 seconds" })
        yield* TestClock.adjust("10 minutes")
      }
      const explanation = yield* explained
      assert.strictEqual(explanation.tries.length, 10)
      assert.isBelow(JSON.stringify(explanation).length, 64 * 1024)
      for (const { stderr = "" } of explanation.tries) assert.isAtMost(stderr.length, 2003)
      const read = yield* Schema.decodeUnknownEffect(Explanation.Explanation)(JSON.parse(JSON.stringify(explanation)))
      assert.deepStrictEqual(JSON.parse(JSON.stringify(read)), JSON.parse(JSON.stringify(explanation)))
    }))

  it.effect("hold no secret of the config, whatever the server says", () =>
    Effect.gen(function*() {
      const secret = "sk-1234567890"
      const script = yield* MemoryServer.script((peer) =>
        Effect.andThen(
          peer.read,
          Effect.andThen(
            Effect.sync(() => {
              peer.warn(`bad key ${secret}\n`)
              peer.exit({ code: 1 })
            }),
            Effect.never
          )
        )
      )
      const open = script.endpoint.open
      const endpoint = Endpoint.stdio({ command: "x", env: { API_KEY: Redacted.make(secret) }, ...(open && { open }) })
      const { explained, failed } = yield* make(endpoint, { era: "legacy" })
      const error = yield* failed("echo")
      const explanation = yield* explained
      assert.include(JSON.stringify(explanation), "bad key <redacted>")
      for (const shown of [JSON.stringify(explanation), error.details, inspect(error), JSON.stringify(error)]) {
        assert.notInclude(shown, secret)
      }
    }))
})

describe("what is waited for", () => {
  it.effect("is nothing, of a server that is ready or was never asked for", () =>
    Effect.gen(function*() {
      const { call, explained } = yield* served()
      assert.deepInclude(yield* explained, { state: "unused", tries: [], calls: [], waiting: 0 })
      yield* call("echo")
      // Its hints were asked for beside it.
      yield* inTime(Effect.sleep(10))
      const { connections, state, waitsFor } = yield* explained
      assert.strictEqual(state, "ready")
      assert.strictEqual(waitsFor, undefined)
      assert.deepInclude(connections[0], { state: "open", leases: 0 })
    }))

  it.effect("is the dial, with how far it is", () =>
    Effect.gen(function*() {
      const { explained, mcp } = yield* served({ onDial: () => Effect.sleep("1 minute") })
      yield* Effect.forkChild(mcp.callTool("it", { name: "echo" }), { startImmediately: true })
      yield* settled
      const { state, waiting, waitsFor } = yield* explained
      assert.strictEqual(state, "connecting")
      assert.strictEqual(waiting, 1)
      assert.strictEqual(waitsFor?.what, "dial")
    }))

  it.effect("is the next dial, then the end of the quarantine, and why", () =>
    Effect.gen(function*() {
      const { explained, mcp } = yield* dying((peer) => peer.exit({ code: 9 }))
      yield* Effect.forkChild(Effect.exit(mcp.callTool("it", { name: "echo" }, { deadline: "1 hour" })), {
        startImmediately: true
      })
      yield* settled
      const first = yield* explained
      assert.strictEqual(first.state, "backing off")
      assert.strictEqual(first.waitsFor?.what, "backoff")
      assert.isAbove(first.waitsFor?.retryInMillis ?? 0, 0)
      assert.include(first.waitsFor?.because, "exited with code 9")
      yield* TestClock.adjust("2 seconds")
      yield* settled
      yield* Effect.exit(mcp.callTool("it", { name: "echo" }, { deadline: "1 milli" })).pipe(
        Effect.forkChild({ startImmediately: true })
      )
      for (let i = 0; i < 30 && (yield* explained).state !== "quarantined"; i++) {
        yield* Effect.forkChild(Effect.exit(mcp.callTool("it", { name: "echo" })), { startImmediately: true })
        yield* TestClock.adjust("1 second")
        yield* settled
      }
      assert.strictEqual((yield* explained).waitsFor?.what, "quarantine")
    }))

  it.effect("is a free connection, and the call that holds it is named", () =>
    Effect.gen(function*() {
      const { explained, mcp } = yield* served(
        { tools: { work: { run: () => Effect.never } } },
        { policy: { sharing: "exclusive", maxConnectionsPerKey: 1 } }
      )
      yield* Effect.forkChild(mcp.callTool("it", { name: "work" }), { startImmediately: true })
      yield* inTime(Effect.sleep(10))
      yield* Effect.forkChild(mcp.callTool("it", { name: "work" }), { startImmediately: true })
      yield* TestClock.adjust("3 seconds")
      yield* settled
      const { calls, waiting, waitingMillis, waitsFor } = yield* explained
      assert.strictEqual(waiting, 1)
      assert.isAtLeast(waitingMillis, 3000)
      assert.strictEqual(waitsFor?.what, "queue")
      assert.include(waitsFor?.because, "maxConnectionsPerKey 1")
      const [holder, waiter] = calls.filter(({ method }) => method === "tools/call")
      assert.deepInclude(holder, { name: "work", outcome: "running", attempts: 1 })
      assert.deepInclude(waiter, { name: "work", outcome: "running", attempts: 0, waitedFor: "queue" })
      assert.isAtLeast(waiter?.waitedMillis ?? 0, 3000)
    }))
})

describe("the calls of a server", () => {
  const only = (calls: ReadonlyArray<Explanation.CallRecord>) => calls.filter(({ method }) => method === "tools/call")

  it.effect("say which opened their connection, which reused it, and which waited", () =>
    Effect.gen(function*() {
      const { call, explained } = yield* served({ onDial: () => Effect.sleep(70) })
      yield* call("echo")
      yield* call("echo")
      const [first, second] = only((yield* explained).calls)
      assert.deepInclude(first, {
        connection: "opened",
        waitedFor: "dial",
        outcome: "answered",
        attempts: 1,
        repeats: []
      })
      assert.isAtLeast(first?.waitedMillis ?? 0, 70)
      assert.isAtLeast(first?.millis ?? 0, 70)
      assert.deepInclude(second, { connection: "reused", outcome: "answered" })
      assert.strictEqual(second?.waitedFor, undefined)
      assert.strictEqual(Explanation.wordsOf(second!), "it was given a connection that was there")
    }))

  it.effect("say why one was repeated, and what became of it", () =>
    Effect.gen(function*() {
      let losses = 1
      const { call, explained } = yield* served({
        transport: "http",
        tools: {
          work: {
            run: (_, { connection, id }) =>
              Effect.suspend(() => {
                if (losses-- <= 0) return Effect.succeed("done")
                connection.fail(id, { _tag: "Lost", delivery: "Unknown", description: "cut" })
                return Effect.never
              })
          }
        }
      })
      yield* call("work", { idempotent: true })
      losses = 1
      yield* call("work")
      const [repeated, lost] = only((yield* explained).calls)
      assert.deepInclude(repeated, { outcome: "answered", attempts: 2 })
      assert.deepInclude(repeated?.repeats[0], { reason: "OutcomeUnknown", delivery: "Unknown" })
      assert.include(Explanation.wordsOf(repeated!), "sent 2 times: OutcomeUnknown")
      assert.deepInclude(lost, { outcome: "failed", reason: "OutcomeUnknown", delivery: "Unknown", attempts: 1 })
    }))

  it.effect("tell answers, errors, failures and cancellations apart", () =>
    Effect.gen(function*() {
      const { call, explained, mcp } = yield* served({
        tools: {
          no: { run: () => Effect.succeed({ isError: true, content: [] }) },
          bad: { run: () => Effect.fail({ code: -32602, message: "bad" }) },
          slow: { run: () => Effect.never }
        }
      })
      yield* call("no")
      yield* call("bad")
      yield* call("slow", { deadline: "50 millis" })
      const fiber = yield* Effect.forkChild(mcp.callTool("it", { name: "slow" }), { startImmediately: true })
      yield* settled
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(
        only((yield* explained).calls).map(({ delivery, outcome, reason }) => [outcome, reason, delivery]),
        [
          ["tool error", undefined, undefined],
          ["error", "ServerError", undefined],
          ["failed", "DeadlineExceeded", "Unknown"],
          ["cancelled", undefined, undefined]
        ]
      )
    }))

  it.effect("are the last 32", () =>
    Effect.gen(function*() {
      const { call, explained } = yield* served()
      for (let i = 0; i < 50; i++) yield* call("echo")
      const { calls } = yield* explained
      assert.strictEqual(calls.length, 32)
      assert.deepStrictEqual(calls.map(({ id }) => Number(id)), calls.map((_, index) => Number(calls[0]?.id) + index))
    }))
})

describe("an error of a call", () => {
  const historyOf = ({ history = [] }: McpRuntimeError) => history

  it.effect("has the last tries in its history and in its long form, and a message of one line", () =>
    Effect.gen(function*() {
      const { failed } = yield* dying((peer) => {
        peer.warn("no such module\n")
        peer.exit({ code: 2 })
      })
      const error = yield* failed("echo", { deadline: "3 seconds" })
      assert.isAtLeast(historyOf(error).length, 2)
      assert.deepInclude(historyOf(error)[0], { outcome: "failed", exitCode: 2 })
      assert.notInclude(error.message, "\n")
      assert.include(error.details, error.message)
      assert.match(error.details, /failed at handshake \(initialize\); exit code 2; spawn \d+ ms, handshake initialize/)
      assert.include(error.details, "no such module")
      assert.include(error.details, "docs/errors/ServerExited.md")
      assert.include(inspect(error), error.details)
    }))

  it.effect("has the loss that it is about", () =>
    Effect.gen(function*() {
      const { call, failed } = yield* served({
        tools: {
          ...echo,
          die: { run: (_, { connection }) => Effect.sync(() => connection.exit({ code: 7 })) as never }
        }
      })
      yield* call("echo")
      const error = yield* failed("die")
      assert.strictEqual(error.reason._tag, "OutcomeUnknown")
      assert.deepInclude(historyOf(error).at(-1), { outcome: "lost", exitCode: 7 })
    }))

  it.effect("has none where the server has answered, or was never asked for", () =>
    Effect.gen(function*() {
      const { failed, mcp } = yield* served({
        tools: { bad: { run: () => Effect.fail({ code: -32602, message: "bad" }) } }
      })
      assert.deepStrictEqual(historyOf(yield* failed("bad")), [])
      assert.deepStrictEqual(historyOf(yield* Effect.flip(mcp.callTool("other", { name: "x" }))), [])
    }))
})
