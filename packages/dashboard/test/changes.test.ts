import { assert, describe, it } from "@effect/vitest"
import * as Changes from "../src/Changes.ts"
import type { CallRow, Snapshot, WaitingRow } from "../src/DashboardContract.ts"
import { made } from "./support/madeUpSource.ts"

const waiting = (ids: ReadonlyArray<readonly [id: string, count: number]>): ReadonlyArray<WaitingRow> =>
  ids.map(([id, count]) => ({ id, subject: id, count, because: "it is starting" }))

const call = (seq: number): CallRow => ({ seq, at: seq, name: "x", outcome: "answered", mood: "good", millis: 1 })

const empty: Snapshot = { ...made(0, 0), samples: [] }

/** All orders of all choices of these letters. */
const orders = (letters: string): ReadonlyArray<ReadonlyArray<string>> => [
  [],
  ...[...letters].flatMap((letter) => orders(letters.replace(letter, "")).map((rest) => [letter, ...rest]))
]

describe("the change between two snapshots", () => {
  it("leads from the one to the other, whatever rows come, go, change and move", () => {
    const calls = Array.from({ length: 4 }, (_, index) => call(index + 1))
    for (const one of orders("abc")) {
      for (const other of orders("abc")) {
        for (const had of [0, 2, 4]) {
          const before: Snapshot = { ...empty, waiting: waiting(one.map((id) => [id, 1])), calls: calls.slice(0, had) }
          // Some rows are what they were.
          const after: Snapshot = { ...empty, waiting: waiting(other.map((id) => [id, id < "c" ? 1 : 2])), calls }
          const change = Changes.between(before, after)
          assert.deepStrictEqual(change === undefined ? before : Changes.applied(before, change), after)
        }
      }
    }
  })

  it("is nothing between equal ones, and holds no row that is as it was", () => {
    assert.isUndefined(Changes.between(made(20, 20), made(20, 20)))
    const before: Snapshot = { ...empty, waiting: waiting([["a", 1], ["b", 1]]) }
    const after: Snapshot = { ...empty, waiting: waiting([["a", 1], ["b", 2]]) }
    assert.deepStrictEqual(Changes.between(before, after), { waiting: { set: waiting([["b", 2]]), gone: [] } })
    const applied = Changes.applied(before, { waiting: { set: waiting([["b", 2]]), gone: [] } })
    assert.strictEqual(applied.waiting?.[0], before.waiting?.[0])
  })

  it("has the calls that are new, where the oldest were forgotten in between", () => {
    const before: Snapshot = { ...empty, calls: [1, 2, 3].map(call) }
    assert.deepStrictEqual(Changes.between(before, { ...empty, calls: [3, 4].map(call) })?.calls, [call(4)])
    assert.isUndefined(Changes.between(before, { ...empty, calls: [call(3)] }))
  })

  it("makes no list of what has happened longer than is kept, however long a page is open", () => {
    const calls = Array.from({ length: Changes.most.calls + 10 }, (_, index) => call(index + 1))
    const bounded = Changes.bounded({ ...empty, calls })
    assert.strictEqual(bounded.calls?.length, Changes.most.calls)
    const more = Changes.applied(bounded, { calls: [call(20_000)] })
    assert.strictEqual(more.calls?.length, Changes.most.calls)
    assert.strictEqual(more.calls?.at(-1)?.seq, 20_000)
  })
})
