/** Callers that give up in a storm, while servers die: they leave no lease, no place in a queue, no subscription, no fiber. */
import { McpConfig } from "@holdfast/mcp/McpConfig"
import { McpConnections } from "@holdfast/mcp/McpConnections"
import { MemoryServer } from "@holdfast/mcp/testing"
import { SeededRandom, Simulation } from "@holdfast/testkit"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { assert, describe, it } from "vitest"

interface Left {
  readonly leases: number
  readonly waiting: number
  readonly warm: ReadonlyArray<boolean>
  /** What servers that are connected still wait to answer, besides what listens. */
  readonly pending: number
  /** What servers that are connected are still asked to tell of. */
  readonly subscribed: ReadonlyArray<string>
  readonly connectionsAfterClose: number
}

interface World {
  readonly seed: number
  readonly era: "legacy" | "modern"
  readonly sharing: "shared" | "exclusive"
  readonly transport: "stdio" | "http"
}

const storm = ({ era, seed, sharing, transport }: World) =>
  Effect.gen(function*() {
    const random = SeededRandom.make(seed)
    /** By connection, what its server was asked to tell of. */
    const subscribed = new Map<object, Set<string>>()
    const listeners = new Map<object, Map<unknown, ReadonlyArray<string>>>()
    const of = <A>(all: Map<object, A>, connection: object, make: () => A): A => {
      const own = all.get(connection) ?? make()
      all.set(connection, own)
      return own
    }
    const takesTime = Effect.suspend(() => Effect.sleep(random.int(0, 20)))
    const server = yield* MemoryServer.make({
      era,
      transport,
      tools: {
        work: {
          run: (_, { progress }) => Effect.as(Effect.andThen(progress({ progress: 1 }), takesTime), "done")
        }
      },
      handlers: {
        "resources/subscribe": ({ uri }, { connection }) =>
          Effect.as(
            Effect.andThen(takesTime, Effect.sync(() => of(subscribed, connection, () => new Set()).add(String(uri)))),
            {}
          ),
        "resources/unsubscribe": ({ uri }, { connection }) =>
          Effect.as(
            Effect.andThen(takesTime, Effect.sync(() => subscribed.get(connection)?.delete(String(uri)))),
            {}
          ),
        "subscriptions/listen": ({ notifications }, { connection, id }) =>
          Effect.suspend(() => {
            // The client is ours.
            const { resourceSubscriptions = [] } = notifications as { readonly resourceSubscriptions?: Array<string> }
            const own = of(listeners, connection, () => new Map<unknown, ReadonlyArray<string>>())
            own.set(id, resourceSubscriptions)
            return Effect.ensuring(Effect.never, Effect.sync(() => own.delete(id)))
          }),
        "logging/setLevel": () => Effect.as(takesTime, {})
      }
    })
    const policy = { sharing, maxConnectionsPerKey: sharing === "shared" ? 1 : 3, backoff: { initial: 20, max: 100 } }
    const config = yield* McpConfig.make({ it: { endpoint: server.endpoint, policy } })
    const scope = yield* Scope.make()
    const mcp = yield* Scope.provide(
      McpConnections.make(config, { clientInfo: { name: "storm", version: "0" }, policy: { drainTimeout: 1000 } }),
      scope
    )
    const holding = <E>(wish: Effect.Effect<void, E, Scope.Scope>) =>
      Effect.scoped(Effect.andThen(wish, Effect.suspend(() => Effect.sleep(random.int(0, 30)))))
    const whatever = (): Effect.Effect<unknown, unknown> => {
      switch (random.int(0, 8)) {
        case 0:
          return mcp.callTool("it", { name: "work" }, { idempotent: random.chance(0.5) })
        case 1:
          return Stream.runDrain(mcp.callToolStream("it", { name: "work" }))
        case 2:
          return mcp.listTools("it")
        case 3:
          return mcp.use("it", () => takesTime)
        case 4:
          return holding(mcp.warm("it"))
        case 5:
          return holding(mcp.logLevel("it", random.pick(["debug", "error"])))
        case 6:
          return mcp.callTool("it", { name: "work" }, { deadline: random.int(1, 30), waitForReady: random.chance(0.5) })
        default:
          return holding(mcp.subscribe("it", random.pick(["x:1", "x:2"])))
      }
    }
    for (let round = 0; round < 12; round++) {
      const callers = yield* Effect.forEach(Array.from({ length: 20 }), () => Effect.forkChild(Effect.exit(whatever())))
      yield* Effect.sleep(random.int(0, 25))
      if (random.chance(0.3)) yield* server.kill
      yield* Effect.sleep(random.int(0, 5))
      yield* Fiber.interruptAll(callers)
    }
    yield* Effect.sleep("2 minutes")
    const { keys, leases, waiting } = yield* mcp.snapshot
    const open = server.connections()
    const left: Left = {
      leases,
      waiting,
      warm: keys.map(({ isWarm }) => isWarm),
      pending: open.flatMap((peer) => [...peer.pending()].filter((id) => listeners.get(peer)?.has(id) !== true)).length,
      subscribed: open.flatMap((peer) => [
        ...subscribed.get(peer) ?? [],
        ...[...listeners.get(peer)?.values() ?? []].flat()
      ]),
      connectionsAfterClose: 0
    }
    yield* Scope.close(scope, Exit.void)
    return { ...left, warm: left.warm.filter((isWarm) => isWarm), connectionsAfterClose: server.connections().length }
  })

const nothing: Left = { leases: 0, waiting: 0, warm: [], pending: 0, subscribed: [], connectionsAfterClose: 0 }

describe("callers that give up in a storm", () => {
  for (const era of ["legacy", "modern"] as const) {
    for (const transport of ["stdio", "http"] as const) {
      it(`leave nothing behind, ${era} over ${transport}, in 25 seeds`, { timeout: 60_000 }, () => {
        for (let seed = 0; seed < 25; seed++) {
          const sharing = seed % 2 === 0 ? "shared" : "exclusive"
          const report = Simulation.run(seed, storm({ seed, era, sharing, transport }))
          assert.strictEqual(report.verdict, "finished", `seed ${seed}`)
          assert.isUndefined(Simulation.failureOf(report), `seed ${seed}`)
          assert(report.exit !== undefined && Exit.isSuccess(report.exit))
          assert.deepStrictEqual(report.exit.value, nothing, `seed ${seed}, ${sharing}`)
          assert.strictEqual(report.tasksLeft, 0, `seed ${seed}: tasks`)
          assert.strictEqual(report.sleepersLeft, 0, `seed ${seed}: timers`)
        }
      })
    }
  }
})
