import { assert, describe, it } from "@effect/vitest"
import * as SessionPolicy from "@holdfast/server/SessionPolicy"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"

/** For each option: the default, the least that is accepted, and one below it. */
const options: ReadonlyArray<readonly [name: keyof SessionPolicy.SessionPolicyInput, usual: number, least: number]> = [
  ["idleTimeout", 300_000, 1],
  ["sweepInterval", 30_000, 1],
  ["halfOpenTimeout", 30_000, 1],
  ["maxSessions", 10_000, 1],
  ["maxInFlight", 256, 1],
  ["heartbeatInterval", 15_000, 1],
  ["pingInterval", 30_000, 1],
  ["maxBufferedBytes", 1_048_576, 1024],
  ["maxReplayBytes", 262_144, 0],
  ["retryInterval", 1000, 0],
  ["drainTimeout", 25_000, 0]
]
const isCount = (name: string) => name.startsWith("max")

describe("the policy of sessions", () => {
  it.effect("has the defaults that its options name", () =>
    Effect.gen(function*() {
      const expected = Object.fromEntries(options.map(([name, usual]) => [name, usual]))
      assert.deepInclude(yield* SessionPolicy.make(), { name: "mcp", ...expected })
    }))

  it.effect("accepts the least of each range; what lies below is refused by name, with the least", () =>
    Effect.gen(function*() {
      for (const [name, , least] of [...options, ["maxSessionsPerPrincipal", 0, 1] as const]) {
        assert.include(yield* SessionPolicy.make({ [name]: least }), { [name]: least })
        const refused = yield* Effect.flip(SessionPolicy.make({ [name]: least - 1 }))
        assert.strictEqual(refused._tag, "McpServerError")
        assert.deepInclude(refused.reason, {
          option: name,
          expected: isCount(name) ? `a whole number, at least ${least}` : `at least ${least} ms`,
          actual: isCount(name) ? String(least - 1) : `${least - 1} ms`
        }, name)
      }
    }))

  it.effect("takes no half of a session, but as many as there may be", () =>
    Effect.gen(function*() {
      for (const [name, , least] of options.filter(([name]) => isCount(name))) {
        const half = yield* Effect.result(SessionPolicy.make({ [name]: least + 0.5 }))
        assert.isTrue(Result.isFailure(half), name)
        const all = yield* SessionPolicy.make({ [name]: Number.POSITIVE_INFINITY })
        assert.include(all, { [name]: Number.POSITIVE_INFINITY })
      }
      assert.include(yield* SessionPolicy.make({ idleTimeout: Duration.infinity }), {
        idleTimeout: Number.POSITIVE_INFINITY
      })
    }))

  it.effect("has a name that can be read", () =>
    Effect.gen(function*() {
      assert.include(yield* SessionPolicy.make({ name: " a " }), { name: " a " })
      for (const name of ["", " \t"]) {
        const { reason } = yield* Effect.flip(SessionPolicy.make({ name }))
        assert.deepInclude(reason, { _tag: "ServerOptionInvalid", option: "name", actual: JSON.stringify(name) })
      }
    }))
})
