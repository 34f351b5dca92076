import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Instances from "../src/internal/Instances.ts"

const tenant = (program: string): Instances.Tenant => ({ program, directory: "/d" })

/** A place, and how it is given back. */
const take = (instances: Instances.Instances, program: string, max = 2) =>
  Effect.gen(function*() {
    const scope = yield* Scope.make()
    const { isOwn, number } = yield* Scope.provide(instances.take("s", max, tenant(program)), scope)
    return { number, isOwn, giveBack: Scope.close(scope, Exit.void) }
  })

describe("the instances of a server", () => {
  it.effect("are one host's each; the same host gets its own back, another the one that was given back first", () =>
    Effect.gen(function*() {
      const instances = Instances.make()
      const [a, b] = [yield* take(instances, "a"), yield* take(instances, "b")]
      assert.deepStrictEqual([a.number, a.isOwn, b.number, b.isOwn], [1, true, 2, true])
      yield* b.giveBack
      yield* a.giveBack
      const again = yield* take(instances, "a")
      assert.deepStrictEqual([again.number, again.isOwn], [1, true])
      yield* again.giveBack
      const c = yield* take(instances, "c")
      assert.deepStrictEqual([c.number, c.isOwn], [2, false])
      // The one that it had is another's now.
      const late = yield* take(instances, "b")
      assert.deepStrictEqual([late.number, late.isOwn], [1, false])
    }))

  it.effect("are waited for in turns, and a host that gives up is passed over", () =>
    Effect.gen(function*() {
      const instances = Instances.make()
      const held = yield* take(instances, "a", 1)
      const fibers = yield* Effect.forEach(
        ["a", "a", "b", "c"],
        (program) => Effect.forkChild(take(instances, program, 1), { startImmediately: true })
      )
      const [second, , other, gone] = fibers
      if (second === undefined || other === undefined || gone === undefined) throw new Error("no fibers")
      yield* Fiber.interrupt(gone)
      yield* held.giveBack
      const next = yield* Fiber.join(second)
      assert.isTrue(next.isOwn)
      yield* next.giveBack
      const afterwards = yield* Fiber.join(other)
      assert.isFalse(afterwards.isOwn)
      assert.deepStrictEqual(instances.tenants("s"), [tenant("b")])
      yield* Effect.forEach(fibers, Fiber.interrupt)
    }))

  it.effect("of hosts of another daemon are given to nobody until that has ended", () =>
    Effect.gen(function*() {
      const instances = Instances.make()
      const keepOnly = instances.reserve([{ server: "s", number: 1 }, { server: "t", number: 1 }])
      assert.strictEqual((yield* take(instances, "a")).number, 2)
      const waits = yield* Effect.forkChild(take(instances, "b"), { startImmediately: true })
      keepOnly([{ server: "s", number: 1 }])
      assert.isUndefined(waits.pollUnsafe())
      const fewer = yield* Effect.forkChild(instances.fewer(2), { startImmediately: true })
      keepOnly([])
      const got = yield* Fiber.join(waits)
      assert.deepStrictEqual([got.number, got.isOwn], [1, false])
      assert.isUndefined(fewer.pollUnsafe())
      yield* got.giveBack
      assert.deepStrictEqual(yield* Fiber.join(fewer), [{ server: "s", number: 2 }])
    }))
})
