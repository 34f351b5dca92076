/**
 * The seeds' own numbers: what the reports that the project answers complain of, beside what it is with Holdfast. Few rounds: these are differences of
 * tens and hundreds, not of percents.
 */
import { Endpoint, McpConfig, McpConnections } from "@holdfast/mcp"
import * as McpHost from "@holdfast/server/McpHost"
import { SessionRegistry } from "@holdfast/server/SessionRegistry"
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpServer from "effect/http/HttpServer"
import * as Layer from "effect/Layer"
import * as References from "effect/References"
import * as Schedule from "effect/Schedule"
import * as path from "node:path"
import * as Report from "../Report.ts"
import * as Picture from "./Picture.ts"
import type { SeedNumber } from "./Subjects.ts"

const command = "pnpm bench:growth seeds"
const server = path.join(import.meta.dirname, "../mcp/echo-server.ts")

/** Seed 3: a process for each call, beside one that is kept. */
const reuse = Effect.gen(function*() {
  const config = yield* McpConfig.make({
    kept: { endpoint: Endpoint.stdio({ command: process.execPath, args: [server] }), era: "legacy" },
    alone: {
      endpoint: Endpoint.stdio({ command: process.execPath, args: [server, "alone"] }),
      era: "legacy",
      policy: { reuse: false }
    }
  })
  const mcp = yield* McpConnections.make(config)
  const micros = (name: string, count: number) =>
    Effect.map(
      Effect.forEach(Array.from({ length: count }), () =>
        Effect.suspend(() => {
          const from = performance.now()
          const call = mcp.callTool(name, { name: "echo", arguments: { text: "hello" } })
          return Effect.map(call, () => (performance.now() - from) * 1000)
        })),
      Report.median
    )
  yield* micros("kept", 200)
  const alone = yield* micros("alone", 9)
  const kept = yield* micros("kept", 1000)
  return {
    what: "a call: a process of its own, and a kept one (median)",
    before: Picture.time(alone),
    now: Picture.time(kept),
    command
  }
}).pipe(Effect.scoped)

const abandoned = 200

/** Seed 1: sessions whose clients have gone without a word, with a sweep and without. */
const left = (timeout: Duration.Input) =>
  Effect.gen(function*() {
    const options = {
      server: () => new McpServer({ name: "seeds", version: "1" }),
      port: 0,
      idleTimeout: timeout,
      halfOpenTimeout: timeout,
      sweepInterval: "100 millis"
    } as const
    const services = yield* Layer.build(McpHost.layerHttp(options))
    const { address } = yield* Effect.provide(HttpServer.HttpServer, services)
    const { snapshot } = yield* Effect.provide(SessionRegistry, services)
    const url = `http://127.0.0.1:${"port" in address ? address.port : 0}/mcp`
    const body = JSON.stringify({
      jsonrpc: "2.0",
      id: 0,
      method: "initialize",
      params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "seeds", version: "1" } }
    })
    const headers = { "content-type": "application/json", accept: "application/json, text/event-stream" }
    yield* Effect.forEach(
      Array.from({ length: abandoned }),
      () => Effect.tryPromise(() => fetch(url, { method: "POST", headers, body }).then((answer) => answer.text())),
      { concurrency: 8, discard: true }
    )
    const count = Effect.map(snapshot, ({ sessions }) => sessions.length)
    // Long enough for several sweeps; no longer than there is something left.
    return yield* Effect.repeat(count, {
      schedule: Schedule.spaced("100 millis"),
      times: 50,
      until: (sessions) => sessions === 0
    })
  }).pipe(Effect.scoped)

const sessions = Effect.gen(function*() {
  const kept = yield* left("1 hour")
  const swept = yield* left("1 second")
  return {
    what: `sessions left of ${abandoned} whose clients went without a word: without a sweep, and with one`,
    before: String(kept),
    now: String(swept),
    command
  }
})

/** All of them, in the order of the table. */
export const measureSeeds = (): Promise<ReadonlyArray<SeedNumber>> =>
  Effect.runPromise(Effect.provideService(Effect.all([reuse, sessions]), References.MinimumLogLevel, "Error"))
