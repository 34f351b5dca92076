/**
 * A scan outlives whoever asked for it: the scenarios of long work behind a server, over real HTTP and stdio, with the real server.
 */
import { assert, describe, it } from "@effect/vitest"
import { Endpoint, McpConfig, McpConnections } from "@holdfast/mcp"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as path from "node:path"
import * as Scans from "./support/ScanServer.ts"

const run = (mcp: Scans.Client) => Effect.map(Scans.call(mcp, "run_scan", { path: "." }), ({ id }) => id)

const isHalfway = ({ percent }: Scans.Seen): boolean => percent > 15

const complete = (mcp: Scans.Client, id: unknown) =>
  Effect.gen(function*() {
    const text = JSON.stringify(yield* Scans.call(mcp, "get_scan_results", { id }))
    assert.match(text, /"files":\d{3,}/)
    return text
  })

/** What a server needs to know of where scans are kept; nothing: in a file. */
type Environment = Readonly<Record<string, string>>

export const define = (size: string, tree: string, environmentOf: Effect.Effect<Environment> = Effect.succeed({})) =>
  describe(`a scan of a real tree of ${size}`, () => {
    const begun = Effect.gen(function*() {
      const database = path.join(yield* Scans.temporaryFolder, "scans.db")
      const environment = yield* environmentOf
      const server = yield* Scans.start(tree, database, 0, environment)
      return { database, environment, server }
    })

    it.live("is polled to its end by a client that looks every now and then, on one connection", () =>
      Effect.gen(function*() {
        const { server } = yield* begun
        const mcp = yield* Scans.connect(server.url)
        const id = yield* run(mcp)
        const seen = yield* Scans.poll(mcp, id, Scans.isOver)
        assert.strictEqual(seen.at(-1)?.state, "succeeded")
        assert.strictEqual(seen.at(-1)?.percent, 100)
        assert.isTrue(Scans.neverBack(seen))
        assert.isAtLeast(seen.length, 5)
        yield* complete(mcp, id)
        const { keys } = yield* mcp.snapshot
        assert.strictEqual(keys[0]?.slots.length, 1)
        assert.strictEqual(yield* server.stop("SIGTERM"), 0)
      }))

    it.live("goes on when its client disconnects, and the client finds it in a new session, or without one", () =>
      Effect.gen(function*() {
        const { server } = yield* begun
        const first = yield* Scope.make()
        const before = yield* Scope.provide(Scans.connect(server.url), first)
        const id = yield* run(before)
        const seen = yield* Scans.poll(before, id, isHalfway)
        yield* Scope.close(first, Exit.void)
        const eras = ["legacy", "modern"] as const
        const polls = yield* Effect.forEach(eras, (era) =>
          Effect.gen(function*() {
            const after = yield* Scans.connect(server.url, era)
            const rest = yield* Scans.poll(after, id, Scans.isOver)
            yield* complete(after, id)
            return rest
          }), { concurrency: "unbounded" })
        for (const rest of polls) {
          assert.strictEqual(rest.at(-1)?.state, "succeeded")
          assert.isTrue(Scans.neverBack([...seen, ...rest]))
        }
      }))

    it.live("is seen by several clients at once, and none is harmed when another vanishes", () =>
      Effect.gen(function*() {
        const { server } = yield* begun
        const id = yield* Effect.scoped(Effect.flatMap(Scans.connect(server.url), run))
        const vanishing = yield* Scope.make()
        const watchers = yield* Effect.forEach(
          ["legacy", "modern", "legacy"] as const,
          (era) => Scans.connect(server.url, era)
        )
        const watching = yield* Effect.forEach(
          watchers,
          (mcp) => Effect.forkChild(Scans.poll(mcp, id, Scans.isOver))
        )
        const leaver = yield* Scope.provide(Scans.connect(server.url), vanishing)
        yield* Scans.poll(leaver, id, isHalfway)
        yield* Scope.close(vanishing, Exit.void)
        for (const fiber of watching) {
          const seen = yield* Fiber.join(fiber)
          assert.strictEqual(seen.at(-1)?.state, "succeeded")
          assert.isTrue(Scans.neverBack(seen))
        }
      }))

    it.live("survives the death of its server: killed in the middle and started again, it ends, and nobody polls in vain", () =>
      Effect.gen(function*() {
        const { database, environment, server } = yield* begun
        const clients = [yield* Scans.connect(server.url), yield* Scans.connect(server.url, "modern")]
        const [mcp = yield* Effect.die("no client")] = clients
        const id = yield* run(mcp)
        const before = yield* Effect.forEach(clients, (client) => Scans.poll(client, id, isHalfway))
        yield* server.stop("SIGKILL")
        yield* Scans.start(tree, database, Number(new URL(server.url).port), environment)
        // The same clients go on: one with a session that it did not ask for, one that never had any.
        const after = yield* Effect.forEach(clients, (client) => Scans.poll(client, id, Scans.isOver), {
          concurrency: "unbounded"
        })
        for (const [index, seen] of after.entries()) {
          assert.strictEqual(seen.at(-1)?.state, "succeeded")
          assert.isTrue(Scans.neverBack([...before[index] ?? [], ...seen]))
        }
        yield* complete(mcp, id)
      }))

    it.live("begun over stdio, it is found by the next process on the same database", () =>
      Effect.gen(function*() {
        const database = path.join(yield* Scans.temporaryFolder, "scans.db")
        const endpoint = Endpoint.stdio({
          command: process.execPath,
          args: [...Scans.commandLine(tree, database, "--stdio")],
          env: yield* environmentOf
        })
        const open = Effect.flatMap(McpConfig.make({ scan: { endpoint } }), (config) => McpConnections.make(config))
        const first = yield* Scope.make()
        const before = yield* Scope.provide(open, first)
        const id = yield* run(before)
        const seen = yield* Scans.poll(before, id, isHalfway)
        yield* Scope.close(first, Exit.void)
        const after = yield* open
        const rest = yield* Scans.poll(after, id, Scans.isOver)
        assert.strictEqual(rest.at(-1)?.state, "succeeded")
        assert.isTrue(Scans.neverBack([...seen, ...rest]))
      }))

    it.live("is cancelled at once when somebody asks for it, and reads nothing that it may not", () =>
      Effect.gen(function*() {
        const { server } = yield* begun
        const mcp = yield* Scans.connect(server.url)
        const id = yield* run(mcp)
        yield* Scans.poll(mcp, id, ({ percent }) => percent > 1)
        yield* Scans.call(mcp, "cancel_scan", { id })
        const seen = yield* Scans.poll(mcp, id, Scans.isOver)
        assert.strictEqual(seen.at(-1)?.state, "cancelled")
        const outside = yield* Scans.call(mcp, "run_scan", { path: "/etc" })
        const refused = yield* Scans.poll(mcp, outside["id"], Scans.isOver)
        assert.strictEqual(refused.at(-1)?.state, "failed")
      }))
  })
