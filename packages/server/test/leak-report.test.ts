/**
 * A public report of a server that leaked its SSE connections, promise by promise, on real sockets: connections that no client held any more,
 * goroutines that pinged them for ever, no states, no clean-up, no shutdown, and its two wishes: an interval and a threshold to configure.
 */
import { assert, describe, it } from "@effect/vitest"
import type { SessionState } from "@holdfast/server/Session"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { eventually } from "./support/eventually.ts"
import { open } from "./support/hosted.ts"
import { type Events, eventsOf, RawClient } from "./support/rawClient.ts"

type Host = Effect.Success<ReturnType<typeof open>>

/** A client with an open stream, over each of the two transports that have one. */
interface Connected {
  readonly events: Events
  readonly client: RawClient
}

const overStreamableHttp = ({ url }: Host) =>
  Effect.gen(function*() {
    const client = new RawClient(url)
    yield* client.initialize()
    const { events } = yield* client.stream()
    const connected: Connected = { client, events }
    return connected
  })

const overSse = ({ origin }: Host) =>
  Effect.gen(function*() {
    const events = eventsOf(yield* new RawClient(`${origin}/sse`).send(undefined, {}, "GET"))
    yield* eventually("the address", () => events.seen.length > 0)
    const client = new RawClient(new URL(events.seen[0]?.data ?? "", `${origin}/sse`).href)
    const clientInfo = { name: "raw", version: "1" }
    yield* client.request("initialize", { protocolVersion: "2024-11-05", capabilities: {}, clientInfo })
    yield* eventually("the handshake's answer", () => events.messages().length > 0)
    yield* client.notify("notifications/initialized")
    const connected: Connected = { client, events }
    return connected
  })

const until = (host: Host, holds: (snapshot: Effect.Success<Host["registry"]["snapshot"]>) => boolean) =>
  host.registry.snapshot.pipe(
    Effect.repeat({ schedule: Schedule.spaced("5 millis"), until: holds }),
    Effect.timeoutOrElse({ duration: "2 minutes", orElse: () => Effect.die(new Error("it never came to that")) })
  )

const slow = { legacySse: true } as const
const quick = { idleTimeout: "100 millis", sweepInterval: "20 millis", legacySse: true } as const

for (const [name, connect] of [["Streamable HTTP", overStreamableHttp], ["HTTP+SSE", overSse]] as const) {
  describe(`the report of leaked connections, over ${name}`, () => {
    it.live("SSE connections are properly closed on client disconnect, and nobody pings them any more", () =>
      Effect.gen(function*() {
        const host = yield* open({ ...quick, heartbeatInterval: "10 millis", pingInterval: "20 millis" })
        const { events } = yield* connect(host)
        yield* until(host, ({ openStreams }) => openStreams === 1)
        yield* eventually("it is kept alive", () => events.comments() > 2)
        events.leave()
        const { closed } = yield* until(host, ({ openStreams, sessions }) => openStreams + sessions.length === 0)
        assert.strictEqual(closed.client + closed.stale, 1)
      }))

    it.live("a connection that was abruptly cut leaves no more than one that was closed", () =>
      Effect.gen(function*() {
        const host = yield* open(quick)
        for (let i = 0; i < 20; i++) {
          const { events } = yield* connect(host)
          events.leave()
        }
        const { closed, opened } = yield* until(
          host,
          ({ openStreams, sessions }) => openStreams + sessions.length === 0
        )
        assert.deepStrictEqual([opened, closed.client + closed.stale], [20, 20])
      }))

    it.live("connection state transitions: connecting, active, closing, closed", () =>
      Effect.gen(function*() {
        const host = yield* open(quick)
        const seen: Array<SessionState> = []
        const all = yield* host.registry.events.pipe(
          Stream.takeUntil(({ state }) => state === "closed"),
          Stream.runForEach(({ state }) => Effect.sync(() => void seen.push(state))),
          Effect.forkChild({ startImmediately: true })
        )
        yield* connect(host)
        yield* until(host, ({ sessions }) => sessions[0]?.state === "active")
        yield* host.registry.close(1)
        yield* Fiber.join(all)
        assert.deepStrictEqual(seen, ["connecting", "active", "closing", "closed"])
      }))

    it.live("idempotent close: twice, and from all sides at once, is once", () =>
      Effect.gen(function*() {
        const host = yield* open(quick)
        const { client, events } = yield* connect(host)
        events.leave()
        yield* Effect.all([
          host.registry.close(1),
          host.registry.close(1, "stale"),
          client.send(undefined, {}, "DELETE"),
          client.send(undefined, {}, "DELETE")
        ], { concurrency: "unbounded" })
        const { closed, opened } = yield* until(host, ({ sessions }) => sessions.length === 0)
        assert.deepStrictEqual([opened, Object.values(closed).reduce((sum, count) => sum + count, 0)], [1, 1])
      }))

    it.live("dead connections are removed after the configured threshold, at the configured interval; living ones are not", () =>
      Effect.gen(function*() {
        const host = yield* open({ ...quick, heartbeatInterval: "10 millis" })
        const living = yield* connect(host)
        const dead = yield* connect(host)
        dead.events.leave()
        yield* until(host, ({ sessions }) => sessions.length === 1)
        // It has had time to go stale ten times over.
        const comments = living.events.comments()
        yield* eventually("a second has gone by", () => living.events.comments() > comments + 50)
        assert.deepStrictEqual((yield* host.registry.snapshot).sessions.map(({ session }) => session), [1])
        assert.isAbove((yield* host.registry.snapshot).sweeps, 5)
      }))

    it.live("shutdown closes all connections, stops the clean-up and leaves no timer", () =>
      Effect.gen(function*() {
        // Right after a pause, when nothing of the test itself waits for a time.
        const timers = Effect.map(
          Effect.sleep("10 millis"),
          () => process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length
        )
        const before = yield* timers
        const scope = yield* Scope.make()
        // By the real clock: another would keep the host's timers to itself.
        const host = yield* Scope.provide(open(slow, "Warn", (effect) => effect), scope)
        const streams = yield* Effect.forEach([1, 2, 3], () => connect(host))
        yield* Scope.close(scope, Exit.void)
        for (const { events } of streams) yield* eventually("its stream has ended", events.isOver)
        const { closed, sessions, sweeps } = yield* host.registry.snapshot
        assert.deepStrictEqual([closed.drain, sessions.length], [3, 0])
        const left = yield* Effect.repeat(timers, { times: 200, until: (count) => count <= before })
        assert.isAtMost(left, before)
        assert.strictEqual((yield* host.registry.snapshot).sweeps, sweeps)
      }))

    it.live("life-cycle events are counted: connecting, active, closed, stale", () =>
      Effect.gen(function*() {
        let port = 0
        const host = yield* open({ ...quick, admin: { port: 0, onListen: (bound) => void (port = bound) } })
        const metrics = Effect.flatMap(
          new RawClient(`http://127.0.0.1:${port}/metrics`).send(undefined, {}, "GET"),
          (response) => Effect.promise(() => response.text())
        )
        yield* connect(host)
        const { events } = yield* connect(host)
        assert.include(yield* metrics, "mcp_sessions{state=\"active\"} 2")
        events.leave()
        yield* until(host, ({ sessions }) => sessions.length === 1)
        const text = yield* metrics
        assert.include(text, "mcp_sessions_opened_total 2")
        assert.match(text, /mcp_sessions_closed_total\{reason="(stale|client)"\} 1/)
      }))
  })
}
