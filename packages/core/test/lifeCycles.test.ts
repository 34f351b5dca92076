import { assert, describe, it } from "@effect/vitest"
import { Backoff, ConnectionState, PoolPolicy, ReplayBudget, RestartIntensity, SlotState } from "@holdfast/core"

describe("life cycles", () => {
  it("every state can reach Closed, and Closed absorbs", () => {
    for (const edges of [SlotState.legalEdges, ConnectionState.legalEdges]) {
      const graph: { readonly [from: string]: ReadonlyArray<string> } = edges
      for (const from of Object.keys(graph)) {
        const reached = new Set<string>()
        const visit = (state: string): void => {
          for (const to of graph[state] ?? []) if (!reached.has(to)) visit((reached.add(to), to))
        }
        visit(from)
        assert.strictEqual(reached.has("Closed"), from !== "Closed", from)
      }
      assert.deepStrictEqual(graph.Closed, [])
    }
  })

  it("have the edges of the design's tables, and no others", () => {
    assert.deepStrictEqual(SlotState.legalEdges, {
      Idle: ["Connecting", "Closed"],
      Connecting: ["Ready", "Backoff", "Idle", "Closed"],
      Ready: ["Idle", "Backoff", "Quarantined", "Closed"],
      Backoff: ["Connecting", "Quarantined", "Idle", "Closed"],
      Quarantined: ["Connecting", "Idle", "Closed"],
      Closed: []
    })
    assert.deepStrictEqual(ConnectionState.legalEdges, {
      Opening: ["Open", "Closing"],
      Open: ["Draining", "Closing"],
      Draining: ["Closing"],
      Closing: ["Closed"],
      Closed: []
    })
  })

  it("a slot is ready only after it was connecting, and quarantined only after a failure", () => {
    const into = (to: SlotState.SlotTag) =>
      Object.entries(SlotState.legalEdges).filter(([, edges]) => edges.includes(to)).map(([from]) => from)
    assert.deepStrictEqual(into("Ready"), ["Connecting"])
    assert.deepStrictEqual(into("Quarantined"), ["Ready", "Backoff"])
    assert.isFalse(SlotState.isLegal("Idle", "Ready"))
    assert.isFalse(ConnectionState.isLegal("Closing", "Open"))
  })
})

describe("back-off", () => {
  const policy = PoolPolicy.defaults.backoff

  it("grows by its factor up to its cap, and varies by its jitter to both sides", () => {
    assert.strictEqual(Backoff.delay(policy, 1, 0.5), 250)
    assert.strictEqual(Backoff.delay(policy, 2, 0.5), 400)
    assert.strictEqual(Backoff.delay(policy, 50, 0.5), 30_000)
    assert.strictEqual(Backoff.delay(policy, 1, 0), 200)
    assert.isBelow(Backoff.delay(policy, 50, 0.999_999), 36_000)
  })
})

describe("restart intensity", () => {
  it("is broken by more than its limit within its window, not by as many, not by slower ones", () => {
    const fast = RestartIntensity.make({ limit: 3, window: 1000 })
    assert.deepStrictEqual([0, 100, 200, 300].map((at) => fast.record(at)), [false, false, false, true])
    const slow = RestartIntensity.make({ limit: 3, window: 1000 })
    assert.isFalse([0, 400, 800, 1200, 1600, 2000, 2400].map((at) => slow.record(at)).includes(true))
  })
})

describe("restart intensity over a long time", () => {
  it("forgets the oldest failures first", () => {
    const rule = RestartIntensity.make({ limit: 2, window: 1000 })
    const at = [0, 100, 200, 1050, 1300, 1400]
    assert.deepStrictEqual(at.map((now) => rule.record(now)), [false, false, true, true, false, true])
    rule.reset()
    assert.isFalse(rule.record(1500))
    const strict = RestartIntensity.make({ limit: 1, window: 1000 })
    assert.deepStrictEqual([0, 1, 2, 1001.5].map((now) => strict.record(now)), [false, true, true, true])
  })
})

describe("replay budget", () => {
  it("replays are at most its burst plus its share of the successes, however many are asked for", () => {
    const budget = ReplayBudget.make({ burst: 10, ratio: 0.2 })
    const ask = (n: number) => Array.from({ length: n }, () => budget.withdraw()).filter(Boolean).length
    assert.strictEqual(ask(1000), 10)
    for (let i = 0; i < 50; i++) budget.deposit()
    assert.strictEqual(ask(1000), 10)
    for (let i = 0; i < 10_000; i++) budget.deposit()
    assert.strictEqual(budget.balance(), 10)
  })
})
