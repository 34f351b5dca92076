/** The client side as a whole, under a seeded scheduler: many worlds, a handful of promises that hold in all of them. */
import { assert, describe, it } from "@effect/vitest"
import { draw, type Scenario } from "./simulation/McpScenario.ts"
import * as McpSimulation from "./simulation/McpSimulation.ts"

const seeds = 200

/** A world of listeners whose servers die, but answer while they live: in a drawn one that is rare. */
const listeners = (seed: number): Scenario => {
  const drawn = draw(seed)
  const servers = drawn.servers.map((plan) => ({
    ...plan,
    era: "legacy" as const,
    faults: { ...plan.faults, stall: 0, deaf: 0, loseAnswer: 0, loseRequest: 0 }
  }))
  return { ...drawn, servers, stallChance: 0, life: { ...drawn.life, watchers: 4, reloads: 0 } }
}

describe("MCP simulation", () => {
  it(`no invariant breaks in ${seeds} seeds`, () => {
    const broken = McpSimulation.firstViolation(0, seeds)
    assert.isUndefined(broken && McpSimulation.explain(broken))
  })

  it("the same seed gives the same trace, another seed another one", () => {
    const hashes = [1, 2, 3, 4, 5].map((seed) => McpSimulation.run(seed).hash)
    assert.deepStrictEqual([1, 2, 3, 4, 5].map((seed) => McpSimulation.run(seed).hash), hashes)
    assert.strictEqual(new Set(hashes).size, 5)
  })

  it("calls end in every way they can end, and everything else happens beside them that can", () => {
    const seen = new Set<string>()
    for (let seed = 0; seed < 150; seed++) {
      for (const outcome of McpSimulation.run(seed).outcomes.keys()) seen.add(outcome)
    }
    for (let seed = 0; seed < 10; seed++) {
      const { outcomes, violations } = McpSimulation.run(seed, listeners(seed))
      assert.deepStrictEqual(violations, [])
      for (const outcome of outcomes.keys()) seen.add(outcome)
    }
    const expected = [
      "caller: answered",
      "caller: interrupted",
      "caller: OutcomeUnknown",
      "caller: ServerError",
      "caller: InvalidAnswer",
      "caller: NotReady",
      "caller: Quarantined",
      "caller: ShuttingDown",
      "caller: TooBusy",
      "caller: HttpRejected",
      "caller: HandshakeFailed",
      "caller: HandshakeTimeout",
      "caller: Unreachable",
      "caller: ServerExited",
      "caller: DeadlineExceeded (caller, NotSent)",
      "caller: DeadlineExceeded (caller, Unknown)",
      "caller: DeadlineExceeded (idle, Unknown)",
      "caller: DeadlineExceeded (hard, Unknown)",
      "caller: DeadlineExceeded (hard, NotSent)",
      "caller: DeadlineExceeded (acquire, NotSent)",
      "server: ran twice, with leave",
      "server: called in the legacy era",
      "server: called in the modern era",
      "caller: UnknownServer",
      "caller: watches a resource",
      "caller: heard news",
      "caller: found it warm",
      "server: asked its client",
      "server: got an answer",
      "server: got the error -1 for an answer",
      "server: withdrew a question",
      "server: knew what to tell of at its first call",
      "server: asked to tell, at rest",
      "caller: was told to read again",
      "caller: only listens, at rest",
      "caller: knows of a gap, at rest",
      "a config was taken",
      "caller: kept a hard deadline of its own",
      "caller: visited a stranger",
      "server: got the error -32603 for an answer",
      "the log was told of a fault of the user's"
    ]
    assert.deepStrictEqual(expected.filter((outcome) => !seen.has(outcome)), [])
  })
})
