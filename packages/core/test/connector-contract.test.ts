import { assert, describe, it } from "@effect/vitest"
import { ConnectionPool } from "@holdfast/core"
import { SeededRandom, SimulatedConnector, Simulation } from "@holdfast/testkit"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import { promises, type Subject } from "./connectorContract.ts"
import * as LineProtocol from "./support/LineProtocol.ts"

const faultless: SimulatedConnector.Faults = {
  failedDial: 0,
  permanentFailure: 0,
  hangingDial: 0,
  defect: 0,
  meanLifeMillis: Number.POSITIVE_INFINITY,
  slowDialMillis: 100,
  slowCloseMillis: 100,
  hangingClose: 0,
  silentDeath: 0,
  slowProbeMillis: 50
}

const eventually = (isTrue: () => boolean, what: string) =>
  Effect.suspend(() => isTrue() ? Effect.void : Effect.fail(what)).pipe(
    Effect.retry(Schedule.upTo(Schedule.spaced("5 millis"), { duration: "5 seconds" })),
    Effect.orDie
  )

/** The simulated connector. A key of its own dials peers that refuse; another one dials peers that soon die. */
const simulated = (
  seed: number
): Subject<string, SimulatedConnector.SimulatedConnection, SimulatedConnector.SimulatedFailure> => {
  const make = (faults: Partial<SimulatedConnector.Faults>) =>
    SimulatedConnector.make({
      random: SeededRandom.make(seed),
      faults: { ...faultless, ...faults },
      exclusiveResource: false,
      onChange: () => {}
    })
  const living = make({ meanLifeMillis: 60_000 })
  const refusing = make({ failedDial: 1 })
  const open = () =>
    [...living.connections, ...refusing.connections].filter((connection) => connection.finalizersEnded === 0).length
  return {
    connector: { ...living, dial: (key) => key === "refusing" ? refusing.dial(key) : living.dial(key) },
    living: "living",
    refusing: "refusing",
    use: (connection) => Effect.sync(() => assert.isFalse(connection.isLost)),
    // It dies by itself: the simulation waits for no time at all.
    lose: () => Effect.void,
    awaitOpen: (count) => eventually(() => open() === count, `${count} open connections, there are ${open()}`)
  }
}

describe("the simulated connector", () => {
  for (const { check, name } of promises) {
    it(name, () => {
      for (let seed = 0; seed < 50; seed++) {
        const report = Simulation.run(seed, Effect.scoped(Effect.suspend(() => check(simulated(seed)))))
        assert.isUndefined(Simulation.failureOf(report), `seed ${seed}`)
      }
    })
  }
})

describe("a connector over real sockets", () => {
  for (const { check, name } of promises) {
    it.live(name, () =>
      Effect.gen(function*() {
        const server = yield* LineProtocol.server
        yield* Effect.scoped(check({
          connector: LineProtocol.connector,
          living: server.port,
          // Nobody may listen on port 1 of the loopback but root, and nobody does.
          refusing: 1,
          use: (connection) => connection.ask("echo hello"),
          lose: (connection) => Effect.ignore(connection.ask("drop")),
          awaitOpen: (count) =>
            eventually(() => server.open() === count, `${count} open sockets, there are ${server.open()}`)
        }))
      }))
  }
})

describe("the pool over real sockets", () => {
  it.live("one socket serves many callers, each gets its own answer", () =>
    Effect.gen(function*() {
      const server = yield* LineProtocol.server
      const pool = yield* ConnectionPool.make(LineProtocol.connector)
      const words = Array.from({ length: 200 }, (_, i) => `word-${i}`)
      const answers = yield* Effect.forEach(
        words,
        (word) => pool.use(server.port, (connection) => connection.ask(`echo ${word}`)),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(answers, words)
      assert.strictEqual(server.accepted(), 1)
    }))

  it.live("the call after a dropped socket is served by a new one", () =>
    Effect.gen(function*() {
      const server = yield* LineProtocol.server
      const pool = yield* ConnectionPool.make(LineProtocol.connector)
      const error = yield* Effect.flip(pool.use(server.port, (connection) => connection.ask("drop")))
      assert.strictEqual(error._tag, "SocketLost")
      assert.strictEqual(yield* pool.use(server.port, (connection) => connection.ask("echo again")), "again")
      assert.strictEqual(server.accepted(), 2)
    }))

  it.live("a peer that falls silent is found by probes, and the one who holds it can go on", () =>
    Effect.gen(function*() {
      const server = yield* LineProtocol.server
      const pool = yield* ConnectionPool.make(LineProtocol.connector, {
        policy: { keepaliveInterval: "50 millis", keepaliveTimeout: "50 millis", idleTimeout: "1 hour" }
      })
      yield* pool.warm(server.port)
      yield* Effect.forkScoped(
        pool.use(server.port, (connection) => Effect.andThen(connection.ask("mute"), Effect.never))
      )
      yield* eventually(() => server.accepted() === 2, "a second connection")
      assert.strictEqual(yield* pool.use(server.port, (connection) => connection.ask("echo back")), "back")
    }))

  it.live("exclusive: no socket is ever used by two callers at once, and a drain closes them all", () =>
    Effect.gen(function*() {
      const server = yield* LineProtocol.server
      const pool = yield* ConnectionPool.make(LineProtocol.connector, {
        policy: { sharing: "exclusive", maxConnectionsPerKey: 4 }
      })
      const users = new Map<object, number>()
      const callers = yield* Effect.forkChild(
        Effect.forEach(Array.from({ length: 100 }), () =>
          pool.use(server.port, (connection) =>
            Effect.gen(function*() {
              assert.isUndefined(users.get(connection))
              users.set(connection, 1)
              yield* connection.ask("echo x")
              users.delete(connection)
            })), { concurrency: "unbounded" })
      )
      yield* Fiber.join(callers)
      assert.isAtMost(server.accepted(), 4)
      yield* pool.drain()
      yield* eventually(() => server.open() === 0, "no open socket")
    }))
})
