/** Servers that are away for a while, on the test's clock: who asks for one gets it soon after it is back. */
import { assert, describe, it } from "@effect/vitest"
import { Endpoint } from "@holdfast/mcp/Endpoint"
import { McpConfig, type ServerOptions } from "@holdfast/mcp/McpConfig"
import { McpConnections } from "@holdfast/mcp/McpConnections"
import {
  CommandNotFound,
  ConnectionLost,
  type ConnectReason,
  HandshakeFailed,
  HandshakeTimeout,
  HttpRejected,
  ServerExited,
  SpawnFailed,
  Unreachable
} from "@holdfast/mcp/McpRuntimeError"
import { MemoryServer } from "@holdfast/mcp/testing"
import { ToolCatalog } from "@holdfast/mcp/ToolCatalog"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { TestClock } from "effect/testing"
import { classify } from "../src/internal/pool/McpConnector.ts"
import { settled } from "./support/memoryTime.ts"

const server = "docs"
const url = "http://docs.invalid/mcp"
const refused = new Unreachable({ server, url, description: "connection refused" })
const rejected = (status: number) => new HttpRejected({ server, url, status, description: "no" })

/** A server over HTTP that a test can take away, and what callers who come once a second with a deadline of five are told. */
const open = (reason: ConnectReason) =>
  Effect.gen(function*() {
    let isAway = false
    const memory = yield* MemoryServer.make({
      transport: "http",
      era: "legacy",
      onDial: () => isAway ? Effect.fail(reason) : Effect.void,
      tools: { echo: { run: () => Effect.succeed("here") } }
    })
    const mcp = yield* McpConnections.make(yield* McpConfig.make({ [server]: memory.endpoint }))
    const clock = yield* Clock.Clock
    const seconds = () => Number(clock.monotonicTimeNanosUnsafe() / 1_000_000_000n)
    const answers: Array<{ readonly asked: number; readonly told: number; readonly outcome: string }> = []
    const call = Effect.gen(function*() {
      const asked = seconds()
      const exit = yield* Effect.exit(mcp.callTool(server, { name: "echo" }, { deadline: "5 seconds" }))
      const outcome = Exit.isSuccess(exit)
        ? "answered"
        : exit.cause.reasons.map((each) => each._tag === "Fail" ? each.error.reason._tag : each._tag).join()
      answers.push({ asked, told: seconds(), outcome })
    })
    return {
      mcp,
      answers,
      /** Lets seconds go by, each with another call. */
      callFor: (count: number) =>
        Effect.forEach(
          Array.from({ length: count }),
          () =>
            Effect.forkChild(call, { startImmediately: true }).pipe(
              Effect.andThen(settled),
              Effect.andThen(TestClock.adjust("1 second"))
            ),
          { discard: true }
        ),
      leave: Effect.suspend(() => {
        isAway = true
        return memory.kill
      }),
      comeBack: Effect.sync(() => {
        isAway = false
        return seconds()
      })
    }
  })

describe("an http server that is away", () => {
  for (const [what, reason] of [["refuses connections", refused], ["answers 503", rejected(503)]] as const) {
    for (const outage of [3, 6, 60, 1800]) {
      it.effect(`and ${what} for ${outage} s answers again within six seconds of its return`, () =>
        Effect.gen(function*() {
          const { answers, callFor, comeBack, leave } = yield* open(reason)
          yield* callFor(3)
          yield* leave
          yield* callFor(outage)
          const back = yield* comeBack
          yield* callFor(20)
          const outcomes = new Set(answers.map(({ outcome }) => outcome))
          // Callers that may wait do, until their own deadline.
          assert.deepStrictEqual([...outcomes], outage < 6 ? ["answered"] : ["answered", "DeadlineExceeded"])
          const healed = Math.min(
            ...answers.filter(({ outcome, told }) => outcome === "answered" && told >= back).map(({ told }) => told)
          )
          assert.isAtMost(healed - back, 6)
          for (const { asked, outcome } of answers) if (asked >= back + 6) assert.strictEqual(outcome, "answered")
        }))
    }
  }

  it.effect("is there for the first call after hours in which nobody asked", () =>
    Effect.gen(function*() {
      const { answers, callFor, comeBack, leave } = yield* open(refused)
      yield* callFor(1)
      yield* leave
      yield* callFor(30)
      yield* TestClock.adjust("3 hours")
      const back = yield* comeBack
      yield* callFor(2)
      const first = answers.find(({ asked }) => asked === back)
      assert.strictEqual(first?.outcome, "answered")
      assert.isAtMost((first?.told ?? 0) - back, 1)
    }))

  it.effect("is connected by itself within six seconds of its return while it is kept warm", () =>
    Effect.gen(function*() {
      const { comeBack, leave, mcp } = yield* open(refused)
      yield* mcp.warm(server)
      yield* TestClock.adjust("1 second")
      yield* leave
      yield* TestClock.adjust("1 hour")
      yield* comeBack
      yield* TestClock.adjust("6 seconds")
      const { keys } = yield* mcp.snapshot
      assert.deepStrictEqual(keys.map(({ slots }) => slots.map(({ state }) => state)), [["Ready"]])
    }))
})

describe("a server whose connection breaks this client", () => {
  it.effect("is named by the catalogue, whose other servers are ready at once, and is tried again under back-off", () =>
    Effect.gen(function*() {
      let dials = 0
      const good = yield* MemoryServer.make({ tools: { t: { run: () => Effect.succeed("ok") } } })
      const bad = yield* MemoryServer.make({ onDial: () => Effect.die(new Error(`bug ${++dials}`)) })
      const mcp = yield* McpConnections.make(yield* McpConfig.make({ good: good.endpoint, bad: bad.endpoint }))
      const catalog = yield* Effect.provideService(ToolCatalog.make(), McpConnections, mcp)
      const { tools, unavailable } = yield* catalog.ready()
      assert.deepStrictEqual(tools.map(({ name }) => name), ["good__t"])
      assert.deepStrictEqual(unavailable.map((each) => [each.server, each.error.reason._tag]), [[
        "bad",
        "HandshakeFailed"
      ]])
      assert.match(
        unavailable[0]?.error.message ?? "",
        /^bad: handshake failed: an error of the program, which is not quoted: Error at /
      )
      yield* TestClock.adjust("10 seconds")
      assert.isAtLeast(dials, 4)
      assert.isAtMost(dials, 8)
      const { reason } = yield* Effect.flip(mcp.callTool("bad", { name: "t" }, { deadline: "5 seconds" }))
      assert.strictEqual(reason._tag, "HandshakeFailed")
    }))
})

describe("reset", () => {
  const end = { code: 1, signal: null, uptimeMillis: 1, stderrTail: "" }
  const exited = Effect.fail(new ServerExited({ server, command: "x", end }))

  it.effect("ends the quarantine of that server now, and of no other", () =>
    Effect.gen(function*() {
      let isBroken = true
      const broken = (transport: "stdio" | "http") =>
        MemoryServer.make({
          transport,
          era: "legacy",
          onDial: () => isBroken ? exited : Effect.void,
          tools: { echo: { run: () => Effect.succeed("here") } }
        })
      const config = yield* McpConfig.make({
        [server]: (yield* broken("stdio")).endpoint,
        other: (yield* broken("http")).endpoint
      })
      const mcp = yield* McpConnections.make(config)
      yield* mcp.warm(server)
      yield* mcp.warm("other")
      yield* TestClock.adjust("10 seconds")
      const states = Effect.map(
        mcp.snapshot,
        ({ keys }) => Object.fromEntries(keys.map(({ key, slots }) => [key, slots[0]?.state]))
      )
      assert.deepStrictEqual(yield* states, { [server]: "Quarantined", other: "Quarantined" })
      const { reason } = yield* Effect.flip(mcp.callTool(server, { name: "echo" }, { deadline: "5 seconds" }))
      assert.strictEqual(reason._tag, "Quarantined")
      isBroken = false
      yield* mcp.reset(server)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* states, { [server]: "Ready", other: "Quarantined" })
      assert.strictEqual((yield* Effect.flip(mcp.reset("dosc"))).reason._tag, "UnknownServer")
    }))
})

describe("the pause between attempts to connect", () => {
  const backoffOf = (options: ServerOptions) =>
    Effect.map(McpConfig.make({ [server]: options }), ({ servers }) => servers.get(server)?.policy.backoff)
  const usual = { initial: 250, factor: 1.6, max: 30_000, jitter: 0.2 }

  it.effect("grows to five seconds for what is not stdio, and what a user says of it leaves the rest as it is", () =>
    Effect.gen(function*() {
      const stdio = Endpoint.stdio({ command: "x" })
      assert.deepStrictEqual(yield* backoffOf({ endpoint: stdio }), usual)
      assert.deepStrictEqual(yield* backoffOf({ endpoint: stdio, policy: { backoff: { factor: 2 } } }), {
        ...usual,
        factor: 2
      })
      for (const endpoint of [Endpoint.http({ url }), Endpoint.sse({ url })]) {
        const said = (backoff: NonNullable<ServerOptions["policy"]>["backoff"]) =>
          backoffOf({ endpoint, policy: { backoff } })
        const remote = { ...usual, max: 5000 }
        assert.deepStrictEqual(yield* backoffOf({ endpoint }), remote)
        assert.deepStrictEqual(yield* said(undefined), remote)
        assert.deepStrictEqual(yield* said({ initial: 10 }), { ...remote, initial: 10 })
        assert.deepStrictEqual(yield* said({ jitter: 0 }), { ...remote, jitter: 0 })
        assert.deepStrictEqual(yield* said({ max: "1 minute" }), { ...remote, max: 60_000 })
        // Nobody has to know of the default to say a longer first pause.
        assert.deepStrictEqual(yield* said({ initial: "8 seconds" }), { ...remote, initial: 8000, max: 8000 })
      }
    }))
})

describe("a failure to connect", () => {
  const end = { code: 1, signal: null, uptimeMillis: 1, stderrTail: "" }
  const spawn = (retryable: boolean) =>
    new SpawnFailed({ server, command: "x", code: "EAGAIN", description: "no", retryable })

  it("counts as a crash only where a process or a connection that was there is gone", () => {
    const reasons: ReadonlyArray<[ConnectReason, string]> = [
      [refused, "unavailable"],
      ...[408, 425, 429, 500, 502, 503, 504].map((
        status
      ): [ConnectReason, string] => [rejected(status), "unavailable"]),
      ...[400, 401, 403, 404, 405].map((status): [ConnectReason, string] => [rejected(status), "permanent"]),
      [new ServerExited({ server, command: "x", end }), "retryable"],
      [new ConnectionLost({ server, delivery: "NotSent", description: "gone" }), "retryable"],
      // The server is well, and has forgotten the session.
      [new ConnectionLost({ server, delivery: "Refused", description: "gone" }), "expired"],
      [spawn(true), "retryable"],
      [spawn(false), "permanent"],
      [new CommandNotFound({ server, command: "x", searched: "/bin" }), "permanent"],
      [new HandshakeFailed({ server, description: "nonsense" }), "permanent"],
      [new HandshakeTimeout({ server, timeoutMillis: 1 }), "permanent"]
    ]
    for (const [reason, as] of reasons) assert.strictEqual(classify(reason), as, reason.message)
  })
})
