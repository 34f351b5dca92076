/** Sessions that come and vanish in every way a client can, as many as there is time for: afterwards nothing of them is there. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as http from "node:http"
import * as net from "node:net"
import * as v8 from "node:v8"
import * as vm from "node:vm"
import { open } from "./hosted.ts"

/** What the collector would leave, told at once. */
const collect = (() => {
  v8.setFlagsFromString("--expose-gc")
  const gc: unknown = vm.runInNewContext("gc")
  return (): void => {
    if (typeof gc === "function") gc()
  }
})()

const body = (message: object): string => JSON.stringify({ jsonrpc: "2.0", ...message })
const initialize = body({
  id: 1,
  method: "initialize",
  params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "leak", version: "1" } }
})
const initialized = body({ method: "notifications/initialized" })
const work = body({ id: 2, method: "tools/call", params: { name: "wait", arguments: {} } })
const echo = body({ id: 3, method: "tools/call", params: { name: "echo", arguments: { text: "hi" } } })

/** What can go wrong with a client that has a session, by the way it leaves. */
const ways = [
  "says goodbye",
  "says goodbye twice",
  "never finishes the handshake",
  "leaves without a word",
  "leaves its stream open and dies",
  "resets the connection in a call",
  "dies while it posts",
  "asks without a session",
  "resets the connection in a call without a session",
  "never answers a question of a call without a session",
  "listens without a session and dies"
] as const

/** Whose reset may overtake the request that would have opened something. */
const unread: ReadonlySet<string> = new Set<(typeof ways)[number]>([
  "resets the connection in a call without a session",
  "listens without a session and dies"
])

const wayOf = (index: number) => ways[index % ways.length] ?? ways[0]

/** How many of the first so many clients open something whatever happens. */
const openersOf = (count: number): number =>
  Array.from({ length: count }, (_, index) => wayOf(index)).filter((way) => !unread.has(way)).length

/** A request of the revision without sessions, and the headers it wants. */
const stateless = (method: string, params: { readonly name?: string; readonly [key: string]: unknown }) => ({
  text: body({
    id: 1,
    method,
    params: {
      ...params,
      _meta: {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": { elicitation: {} }
      }
    }
  }),
  headers: {
    "mcp-protocol-version": "2026-07-28",
    "mcp-method": method,
    ...(params.name !== undefined && { "mcp-name": params.name })
  }
})
const callOf = (name: string, args: object = {}) => stateless("tools/call", { name, arguments: args })

/** Bytes of heap: of what does not grow with sessions, and of what a session may leave. One that is not forgotten is thirty times as large. */
const atMostOnce = 6 * 1024 * 1024
const atMostEach = 1024

export const define = (sessions: number) =>
  describe("a server whose clients vanish in every way", () => {
    it.live(`has nothing left of ${sessions} sessions`, () =>
      Effect.gen(function*() {
        const { port, registry, steer } = yield* open({
          idleTimeout: "300 millis",
          halfOpenTimeout: "300 millis",
          sweepInterval: "50 millis",
          heartbeatInterval: "50 millis",
          pingInterval: "100 millis"
        })
        const agent = yield* Effect.acquireRelease(
          Effect.sync(() => new http.Agent({ keepAlive: true, maxSockets: 64 })),
          (agent) => Effect.sync(() => agent.destroy())
        )
        const send = (method: string, session: string | undefined, text: string, more: Record<string, string> = {}) =>
          Effect.callback<{ readonly status: number; readonly session: string | undefined }>((resume) => {
            const request = http.request({
              port,
              host: "127.0.0.1",
              path: "/mcp",
              method,
              agent,
              headers: {
                "content-type": "application/json",
                accept: "application/json, text/event-stream",
                ...(session !== undefined && { "mcp-session-id": session }),
                ...more
              }
            }, (response) => {
              response.resume().once("end", () => {
                const id = response.headers["mcp-session-id"]
                resume(
                  Effect.succeed({ status: response.statusCode ?? 0, session: typeof id === "string" ? id : undefined })
                )
              })
            })
            request.once("error", () => resume(Effect.succeed({ status: 0, session: undefined })))
            request.end(text)
          })
        /** Says something on a socket of its own, and is gone: by a reset, not by a goodbye. */
        const vanish = (head: string, text: string, headers: Record<string, string>) =>
          Effect.callback<void>((resume) => {
            const socket = net.connect(port, "127.0.0.1", () => {
              socket.write(
                `${head} /mcp HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nContent-Type: application/json\r\n` +
                  `Accept: application/json, text/event-stream\r\n` +
                  Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`).join("") +
                  `Content-Length: ${head === "GET" ? 0 : Buffer.byteLength(text) + (text === echo ? 10 : 0)}\r\n\r\n${
                    head === "GET" ? "" : text
                  }`,
                () => void setImmediate(() => socket.resetAndDestroy())
              )
            })
            socket.once("close", () => resume(Effect.void)).once("error", () => {})
          })
        const one = (index: number) =>
          Effect.gen(function*() {
            const way = wayOf(index)
            switch (way) {
              case "asks without a session": {
                const { headers, text } = callOf("echo", { text: "hi" })
                return yield* send("POST", undefined, text, headers)
              }
              case "resets the connection in a call without a session": {
                const { headers, text } = callOf("wait")
                return yield* vanish("POST", text, headers)
              }
              case "never answers a question of a call without a session": {
                const { headers, text } = callOf("ask")
                return yield* send("POST", undefined, text, headers)
              }
              case "listens without a session and dies": {
                const { headers, text } = stateless("subscriptions/listen", {
                  notifications: { toolsListChanged: true }
                })
                return yield* vanish("POST", text, headers)
              }
            }
            const { session = "" } = yield* send("POST", undefined, initialize)
            if (way === "never finishes the handshake") return
            yield* send("POST", session, initialized)
            switch (way) {
              case "says goodbye":
                return yield* send("DELETE", session, "")
              case "says goodbye twice":
                yield* send("DELETE", session, "")
                return yield* send("DELETE", session, "")
              case "leaves its stream open and dies":
                return yield* vanish("GET", "", { "Mcp-Session-Id": session })
              case "resets the connection in a call":
                return yield* vanish("POST", work, { "Mcp-Session-Id": session })
              case "dies while it posts":
                return yield* vanish("POST", echo, { "Mcp-Session-Id": session })
              default:
                return yield* send("POST", session, echo)
            }
          })
        const round = (count: number) =>
          Effect.gen(function*() {
            yield* Effect.forEach(Array.from({ length: count }, (_, i) => i), one, { concurrency: 32, discard: true })
            // Handlers that wait are answered: a session with one is in use until then, as it should be.
            yield* registry.snapshot.pipe(
              Effect.tap(() => Effect.sync(() => steer.waiting.splice(0).forEach((answer) => answer("")))),
              Effect.repeat({ schedule: Schedule.spaced("20 millis"), until: ({ sessions }) => sessions.length === 0 }),
              Effect.timeoutOrElse({ duration: "4 minutes", orElse: () => Effect.die(new Error("sessions are left")) })
            )
          })
        const heap = (): number => {
          collect()
          return process.memoryUsage().heapUsed
        }
        yield* round(100)
        const before = heap()
        yield* round(sessions)
        const grown = (heap() - before) / sessions
        const { closed, inFlight, openStreams, opened } = yield* registry.snapshot
        yield* Effect.sync(() => console.log(`${opened} sessions, ${grown.toFixed(0)} bytes of heap each left`, closed))
        // What the platform compiles and keeps in the first minutes is there once, whatever the number of sessions.
        assert.isAtMost(grown, atMostOnce / sessions + atMostEach)
        assert.isAtMost(opened, sessions + 100)
        assert.isAtLeast(opened, openersOf(sessions) + openersOf(100))
        assert.strictEqual(Object.values(closed).reduce((sum, count) => sum + count, 0), opened)
        assert.deepStrictEqual([inFlight, openStreams], [0, 0])
        for (const reason of ["client", "half-open", "stale", "done"] as const) {
          assert.isAbove(closed[reason], sessions / 2 / ways.length)
        }
      }))
  })
