/**
 * A restart of the scan server is no event for clients that never begin a new session: a scan that was begun before a kill -9 is polled to its end
 * by each of them over the connection that it had, and gives its results.
 *
 * Of the clients known for it `mcp-use` and `mcpc` are not here: neither is installed in this workspace.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as path from "node:path"
import type { Client, Connected } from "../interop/support/contract.ts"
import { effectClient } from "../interop/support/effectClient.ts"
import { langChain } from "../interop/support/langChain.ts"
import { mcpClient } from "../interop/support/mcpClient.ts"
import { sdkV1, sdkV2 } from "../interop/support/sdkClients.ts"
import * as Scans from "./support/ScanServer.ts"

const clients: ReadonlyArray<Client> = [sdkV1, sdkV2, langChain, mcpClient, effectClient]

const connect = ({ name, transports }: Client, url: string) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const open = transports.http
      if (open === undefined) throw new Error(`${name} has no HTTP`)
      return open({ _tag: "Http", url: new URL(url) })
    }),
    (connected) => Effect.promise(() => connected.close().catch(() => {}))
  )

/** A connection that was kept over the restart may be found closed: then the client is asked again, as its program would. */
const ask = (client: Connected, name: string, args: Record<string, unknown>) =>
  Effect.tryPromise(() => client.call(name, args)).pipe(
    Effect.retry({ schedule: Schedule.spaced("50 millis"), times: 3 }),
    Effect.orDie
  )

interface Progress {
  readonly id: string
  readonly state: string
  readonly percent: number
}

/** From a tool's words, which is what every client hands out. */
const read = (text: string): Progress => ({
  id: /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/.exec(text)?.[0] ?? "",
  state: / (?:is|has|was) (queued|running|succeeded|failed|cancelled)/.exec(text)?.[1] ?? "",
  percent: Number(/running: (\d+)/.exec(text)?.[1] ?? 0)
})

const poll = (client: Connected, id: string, isIt: (progress: Progress) => boolean) =>
  Effect.map(ask(client, "get_scan_progress", { id }), (answer) => read(answer)).pipe(
    Effect.repeat({ schedule: Schedule.spaced("20 millis"), until: isIt })
  )

describe("a scan server that is killed and started again", () => {
  it.live(`goes on for each of ${clients.map(({ name }) => name).join(", ")}, on the connection that it had`, () =>
    Effect.gen(function*() {
      const database = path.join(yield* Scans.temporaryFolder, "scans.db")
      const server = yield* Scans.start(Scans.smallTree, database)
      const connected = yield* Effect.forEach(
        clients,
        (client) => Effect.map(connect(client, server.url), (connection) => ({ ...client, connection }))
      )
      const [first] = connected
      if (first === undefined) throw new Error("no client")
      const { id } = read(yield* ask(first.connection, "run_scan", { path: "src" }))
      for (const { connection, name } of connected) {
        assert.include(
          ["queued", "running", "succeeded"],
          read(yield* ask(connection, "get_scan_progress", { id })).state,
          name
        )
      }
      const before = yield* poll(first.connection, id, ({ percent }) => percent > 15)
      assert.strictEqual(before.state, "running")
      yield* server.stop("SIGKILL")
      yield* Scans.start(Scans.smallTree, database, Number(new URL(server.url).port))
      for (const { connection, name } of connected) {
        const after = yield* poll(connection, id, ({ state }) => state !== "queued" && state !== "running")
        assert.strictEqual(after.state, "succeeded", name)
        assert.match(yield* ask(connection, "get_scan_results", { id }), /"files":\s*\d{3,}/, name)
        const { id: own } = read(yield* ask(connection, "run_scan", { path: "src/ai" }))
        assert.strictEqual(
          (yield* poll(connection, own, ({ state }) => state === "succeeded")).state,
          "succeeded",
          name
        )
      }
    }))
})
