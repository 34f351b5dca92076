/** What is remembered of servers, and for how long. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { ServerMemory } from "../src/internal/pool/ServerMemory.ts"

describe("what is remembered of servers", () => {
  it("is the same notes as long as they are used, and bounded however many servers there were", () => {
    const memory = new ServerMemory()
    memory.of("first").spoken = { era: "modern" }
    for (let i = 0; i < 10_000; i++) {
      memory.of(`server ${i}`).spoken = { era: "legacy first" }
      assert.strictEqual(memory.of("first").spoken?.era, "modern")
    }
    assert.strictEqual(memory.size, 1024)
    assert.strictEqual(memory.of("server 9999").spoken?.era, "legacy first")
    assert.isUndefined(memory.of("server 0").spoken, "used long ago")
  })

  it.effect("stays while a connection is open, however many, and for a while after the last of them", () =>
    Effect.gen(function*() {
      const memory = new ServerMemory()
      const scopes = yield* Effect.forEach([1, 2], () => Scope.make())
      for (const scope of scopes) yield* Scope.provide(memory.hold("held"), scope)
      const notes = memory.of("held")
      notes.spoken = { era: "modern" }
      const others = (from: number) => {
        for (let i = 0; i < 5000; i++) memory.of(`other ${from + i}`)
      }
      others(0)
      assert.strictEqual(memory.of("held"), notes)
      assert.strictEqual(memory.size, 1025)
      for (const scope of scopes) {
        others(5000)
        yield* Scope.close(scope, Exit.void)
        assert.strictEqual(memory.of("held"), notes)
      }
      assert.strictEqual(memory.size, 1024)
      others(10_000)
      assert.notStrictEqual(memory.of("held"), notes)
    }))

  it.effect("of many connections at once is all there, and bounded when they are closed", () =>
    Effect.gen(function*() {
      const memory = new ServerMemory()
      yield* Effect.scoped(Effect.gen(function*() {
        for (let i = 0; i < 5000; i++) {
          yield* memory.hold(`server ${i}`)
          memory.of(`server ${i}`).spoken = { era: "modern" }
        }
        assert.strictEqual(memory.size, 5000)
        assert.strictEqual(memory.of("server 0").spoken?.era, "modern")
      }))
      assert.strictEqual(memory.size, 1024)
    }))
})
