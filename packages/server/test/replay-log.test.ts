import { assert, describe, it } from "@effect/vitest"
import { ReplayLog } from "../src/internal/session/ReplayLog.ts"

const textsOf = (log: ReplayLog, stream: number, after = 0): ReadonlyArray<string> =>
  log.left(stream, after).map(({ text }) => text)

describe("what a session has sent lately", () => {
  it("is given back by stream, from a place on, in the order of places", () => {
    const log = new ReplayLog(100, 1000)
    log.append(1, 1, "a")
    log.append(2, 1, "of another stream")
    log.append(1, 2, "b")
    log.owe(1, 3, "c")
    log.append(1, 4, "d")
    assert.deepStrictEqual(textsOf(log, 1), ["a", "b", "c", "d"])
    assert.deepStrictEqual(textsOf(log, 1, 2), ["c", "d"])
    assert.deepStrictEqual(textsOf(log, 1, 4), [])
  })

  it("is bounded by its bytes: the oldest go first, and just as many fit as the limit says", () => {
    const log = new ReplayLog(10, 1000)
    log.append(1, 1, "12345")
    log.append(1, 2, "67890")
    assert.deepStrictEqual(textsOf(log, 1), ["12345", "67890"])
    log.append(1, 3, "x")
    assert.deepStrictEqual(textsOf(log, 1), ["67890", "x"])
    log.append(1, 4, "more than there is room for")
    assert.deepStrictEqual(textsOf(log, 1), [])
    log.append(1, 5, "1234567890")
    assert.deepStrictEqual(textsOf(log, 1), ["1234567890"], "what was larger takes no room afterwards")
  })

  it("stays the same over thousands of events that come and go", () => {
    const log = new ReplayLog(30, 1000)
    for (let place = 1; place <= 5000; place++) {
      log.append(1, place, "0123456789")
      assert.deepStrictEqual(
        log.left(1, 0).map(({ place }) => place),
        [place - 2, place - 1, place].filter((kept) => kept > 0)
      )
    }
  })

  it("that is lost is remembered if it was an answer or a question, up to the last of its stream", () => {
    const log = new ReplayLog(5, 1000)
    log.append(1, 1, "vital", true)
    log.append(1, 2, "other")
    assert.isTrue(log.hasLost(1, 0))
    assert.isFalse(log.hasLost(1, 1), "who had it has lost nothing")
    assert.isFalse(log.hasLost(2, 0), "another stream has lost nothing")
    log.append(1, 3, "again")
    assert.isFalse(log.hasLost(1, 1), "what nobody waits for is no loss")
    log.append(1, 4, "vital", true)
    log.append(2, 1, "other")
    assert.isTrue(log.hasLost(1, 3))
    assert.isFalse(log.hasLost(1, 4))
  })

  it("is nothing without a limit: nobody can come back, and answers are lost at once", () => {
    const log = new ReplayLog(0, 1000)
    assert.isFalse(log.isKeeping)
    assert.isTrue(new ReplayLog(1, 0).isKeeping)
    log.append(1, 1, "", true)
    assert.isTrue(log.hasLost(1, 0))
    assert.deepStrictEqual(textsOf(log, 1), [])
  })

  it("is forgotten with its stream, and leaves its room to others", () => {
    const log = new ReplayLog(10, 520)
    log.append(1, 1, "12345", true)
    log.owe(1, 2, "1234")
    log.append(2, 1, "abc")
    log.forget(1)
    assert.deepStrictEqual([textsOf(log, 1), textsOf(log, 2)], [[], ["abc"]])
    assert.isFalse(log.owes(1))
    log.append(2, 2, "1234567")
    assert.deepStrictEqual(textsOf(log, 2), ["abc", "1234567"])
    log.owe(2, 3, "1234")
    log.owe(2, 4, "1234")
    assert.deepStrictEqual(textsOf(log, 2, 2), ["1234", "1234"], "the room of what was owed is free")
  })
})

describe("an answer that has not arrived", () => {
  it("is kept although much else is said, until it has", () => {
    const log = new ReplayLog(3, 1000)
    log.owe(1, 1, "answer")
    for (let place = 2; place < 10; place++) log.append(2, place, "abc")
    assert.isTrue(log.owes(1))
    assert.deepStrictEqual(textsOf(log, 1), ["answer"])
    log.settle(1, 0)
    assert.isTrue(log.owes(1), "it is none of those that have arrived")
    log.settle(1, 1)
    assert.isFalse(log.owes(1))
    assert.deepStrictEqual(textsOf(log, 1), [], "it is larger than what is kept of the past")
    assert.isTrue(log.hasLost(1, 0))
  })

  it("that has arrived is one of the past events", () => {
    const log = new ReplayLog(10, 1000)
    log.owe(1, 1, "one")
    log.owe(1, 2, "two")
    log.settle(1, 1)
    assert.isTrue(log.owes(1))
    log.settle(1, 2)
    assert.deepStrictEqual(textsOf(log, 1), ["one", "two"])
    assert.isFalse(log.hasLost(1, 0))
  })

  it("counts as 256 bytes more than its text: past the limit, the stream that owes for longest loses", () => {
    const log = new ReplayLog(100, 2 * (256 + 4))
    assert.isTrue(log.canOwe(2 * (256 + 4) - 256))
    assert.isFalse(log.canOwe(2 * (256 + 4) - 255))
    log.owe(1, 1, "1234")
    log.owe(2, 1, "1234")
    assert.isTrue(log.owes(1) && log.owes(2), "just as many fit")
    log.owe(3, 1, "1")
    assert.deepStrictEqual([log.owes(1), log.owes(2), log.owes(3)], [false, true, true])
    assert.isTrue(log.hasLost(1, 0))
    assert.isFalse(log.hasLost(2, 0))
    log.settle(2, 1)
    log.owe(4, 1, "1234567")
    assert.isTrue(log.owes(3) && log.owes(4), "the room of what has arrived is free")
  })
})
