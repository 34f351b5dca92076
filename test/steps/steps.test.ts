/** What a call takes is counted, and a change of it is told. That it is what is stored is a step of `pnpm check`. */
import { assert, describe, it } from "@effect/vitest"
import * as Counts from "./Counts.ts"
import * as Steps from "./Steps.ts"

const table = (of: Counts.Counts): Steps.Table => ({
  "use of a pooled connection": of,
  "lease of a pooled connection": of,
  "stdio call": of,
  "HTTP call": of,
  "request to a host": of,
  "start of a job": of,
  "poll of a job": of
})
const some = Counts.map((name) => name === "bytes" ? 1000 : 2)
const changed = (counts: Partial<Counts.Counts>): Steps.Table => ({
  ...table(some),
  "HTTP call": { ...some, ...counts }
})

describe("counts of a call", () => {
  it("that are those stored, with bytes within their band, are no change", () => {
    assert.deepStrictEqual(Steps.changes(table(some), table(some)), [])
    assert.deepStrictEqual(Steps.changes(table(some), changed({ bytes: 1010 })), [])
    assert.deepStrictEqual(Steps.changes(table(some), changed({ bytes: 990 })), [])
    assert.strictEqual(Steps.report([]), "")
  })

  it("past their band say which grew, of what, from what to what, and how to accept it", () => {
    const said = Steps.report(Steps.changes(table(some), changed({ bytes: 1011, timers: 3 })))
    assert.include(said, "takes more")
    assert.include(said, "HTTP call: timers set grew from 2 to 3")
    assert.include(said, "HTTP call: bytes allocated grew from 1000 to 1011")
    assert.include(said, "node test/steps/main.ts --write")
    const less = Steps.report(Steps.changes(table(some), changed({ steps: 1 })))
    assert.include(less, "takes less")
    assert.include(less, "HTTP call: steps of fibers fell from 2 to 1")
  })

  it("that are not stored yet are a change", () => {
    const { "poll of a job": _, ...others } = table(some)
    // A file of before there was one.
    const found = Steps.changes(others as Steps.Table, table(some))
    assert.strictEqual(found.length, Counts.names.length)
    assert.include(Steps.report(found), "poll of a job: fibers started grew from NaN to 2")
  })

  it("have one fiber more where each call starts one more", async () => {
    const counted = await Steps.count("fiber")
    const stored = Steps.stored()
    const found = Steps.changes(stored, counted)
    for (const name of Steps.names) {
      assert.strictEqual(counted[name].fibers, stored[name].fibers + 1, name)
      assert.isTrue(found.some((change) => change.name === name && change.what === "fibers"), name)
    }
  })
})
