import { assert, describe, it } from "@effect/vitest"
import { Deadlines } from "@holdfast/core"
import { SeededRandom } from "@holdfast/testkit"
import * as Clock from "effect/Clock"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import { errors, hearing } from "./support/hearing.ts"

describe("Deadlines", () => {
  it.effect("each fires once, at its time, in the order of expiry whatever the order of arming", () =>
    Effect.gen(function*() {
      const deadlines = yield* Deadlines.make
      const start = deadlines.now()
      const fired: Array<readonly [number, number]> = []
      for (const millis of [300, 100, 200, 100, 5000]) {
        deadlines.arm(millis, () => fired.push([millis, deadlines.now() - start]))
      }
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(fired, [[100, 100], [100, 100], [200, 200], [300, 300], [5000, 5000]])
      assert.strictEqual(deadlines.size(), 0)
    }))

  it.effect("an earlier deadline armed while the sweeper sleeps is not late", () =>
    Effect.gen(function*() {
      const deadlines = yield* Deadlines.make
      const fired: Array<string> = []
      deadlines.arm(60_000, () => fired.push("late"))
      yield* TestClock.adjust("1 second")
      deadlines.arm(10, () => fired.push("early"))
      yield* TestClock.adjust("10 millis")
      assert.deepStrictEqual(fired, ["early"])
    }))

  it.effect("a cancelled deadline never fires, a renewed one starts again", () =>
    Effect.gen(function*() {
      const deadlines = yield* Deadlines.make
      const fired: Array<string> = []
      const cancelled = deadlines.arm(100, () => fired.push("cancelled"))
      const renewed = deadlines.arm(100, () => fired.push("renewed"))
      deadlines.arm(100, () => fired.push("plain"))
      cancelled.cancel()
      yield* TestClock.adjust("60 millis")
      renewed.renew()
      yield* TestClock.adjust("99 millis")
      assert.deepStrictEqual(fired, ["plain"])
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(fired, ["plain", "renewed"])
      renewed.renew()
      renewed.cancel()
      assert.strictEqual(deadlines.size(), 0)
    }))

  it.effect("deadlines armed by an expiring one are kept, of any duration", () =>
    Effect.gen(function*() {
      const deadlines = yield* Deadlines.make
      const fired: Array<number> = []
      deadlines.arm(100, () => {
        fired.push(100)
        deadlines.arm(100, () => fired.push(200))
        deadlines.arm(50, () => fired.push(150))
      })
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(fired, [100, 150, 200])
    }))

  it.effect("ten thousand deadlines of one duration need one sleep at a time", () =>
    Effect.gen(function*() {
      const clock = yield* Clock.Clock
      let sleeping = 0
      let mostSleeping = 0
      const counting: Clock.Clock = Object.assign(Object.create(clock), {
        sleep: (duration: Duration.Duration) =>
          Effect.acquireUseRelease(
            Effect.sync(() => {
              mostSleeping = Math.max(mostSleeping, ++sleeping)
            }),
            () => clock.sleep(duration),
            () => Effect.sync(() => sleeping--)
          )
      })
      const deadlines = yield* Effect.provideService(Deadlines.make, Clock.Clock, counting)
      let fired = 0
      for (let i = 0; i < 10_000; i++) deadlines.arm(1000, () => fired++)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(fired, 10_000)
      assert.strictEqual(mostSleeping, 1)
      assert.strictEqual(sleeping, 0)
    }))

  it.effect("a thousand distinct durations, many of them cancelled, fire in the order of expiry and leave nothing behind", () =>
    Effect.gen(function*() {
      const deadlines = yield* Deadlines.make
      const { int } = SeededRandom.make(7)
      const start = deadlines.now()
      const durations = [...new Set(Array.from({ length: 1000 }, () => int(1, 1_000_000)))]
      const fired: Array<ReadonlyArray<number>> = []
      const armed = durations.map((millis) =>
        [millis, deadlines.arm(millis, () => fired.push([millis, deadlines.now() - start]))] as const
      )
      // Enough for the empty queues to be cleared away in between, again and again.
      const kept = armed.filter(([, deadline], i) => i % 4 === 0 || deadline.cancel()).map(([millis]) => millis)
      // Queues that are not empty are still found.
      for (const millis of kept) deadlines.arm(millis, () => fired.push([millis, deadlines.now() - start]))
      assert.isAtMost(deadlines.queues(), 2 * kept.length + 64)
      assert.strictEqual(deadlines.size(), 2 * kept.length)
      yield* TestClock.adjust(1_000_000)
      const expected = kept.toSorted((a, b) => a - b).flatMap((millis) => [[millis, millis], [millis, millis]])
      assert.deepStrictEqual(fired, expected)
      assert.deepStrictEqual([deadlines.size(), deadlines.queues()], [0, 0])
    }))

  it.effect("whatever is armed, cancelled and renewed in whatever order, each fires at its time and no other", () =>
    Effect.gen(function*() {
      for (let seed = 0; seed < 200; seed++) {
        const { next } = SeededRandom.make(seed)
        const below = (limit: number) => Math.floor(next() * limit)
        const deadlines = yield* Deadlines.make
        const start = deadlines.now()
        let now = 0
        const fired: Array<string> = []
        // What a list without any cleverness would do.
        const model = new Map<
          number,
          { readonly millis: number; expiresAt: number; readonly deadline: Deadlines.Deadline }
        >()
        const expected: Array<string> = []
        const expire = () => {
          const due = [...model].filter(([, { expiresAt }]) => expiresAt <= now)
          for (const [id, { expiresAt }] of due.toSorted(([, a], [, b]) => a.expiresAt - b.expiresAt)) {
            model.delete(id)
            expected.push(`${id} at ${expiresAt}`)
          }
        }
        for (let step = 0; step < 300; step++) {
          const [id, picked] = [...model][below(model.size)] ?? []
          const action = below(4)
          if (action === 0 && id !== undefined) {
            picked?.deadline.cancel()
            model.delete(id)
          } else if (action === 1 && picked !== undefined) {
            picked.deadline.renew()
            picked.expiresAt = now + picked.millis
          } else if (action === 2 && below(8) === 0) {
            const millis = below(200)
            now += millis
            yield* TestClock.adjust(millis)
            expire()
          } else {
            const millis = 1 + below(step % 3 === 0 ? 3 : 500)
            const name = step
            const deadline = deadlines.arm(millis, () => fired.push(`${name} at ${deadlines.now() - start}`))
            model.set(name, { millis, expiresAt: now + millis, deadline })
          }
          assert.strictEqual(deadlines.size(), model.size)
        }
        now += 1000
        yield* TestClock.adjust("1 second")
        expire()
        assert.deepStrictEqual(fired.toSorted(), expected.toSorted(), `seed ${seed}`)
        const times = fired.map((entry) => Number(entry.split(" at ")[1]))
        assert.deepStrictEqual(times, times.toSorted((a, b) => a - b), `seed ${seed}`)
      }
    }))

  it.effect("a hundred thousand durations that were armed and cancelled leave nothing behind", () =>
    Effect.gen(function*() {
      const deadlines = yield* Deadlines.make
      const kept: Array<number> = []
      deadlines.arm(1_000_000, () => kept.push(1))
      for (let millis = 1; millis <= 100_000; millis++) deadlines.arm(millis, () => {}).cancel()
      assert.strictEqual(deadlines.size(), 1)
      assert.isAtMost(deadlines.queues(), 200)
      yield* TestClock.adjust("1000 seconds")
      assert.deepStrictEqual(kept, [1])
      assert.strictEqual(deadlines.queues(), 0)
    }))

  it.effect("a renewal that falls together with clearing away is kept", () =>
    Effect.gen(function*() {
      const deadlines = yield* Deadlines.make
      const fired: Array<number> = []
      const renewed = deadlines.arm(1000, () => fired.push(1000))
      for (let millis = 1; millis <= 64; millis++) deadlines.arm(millis, () => {}).cancel()
      renewed.renew()
      assert.strictEqual(deadlines.queues(), 1)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(fired, [1000])
    }))

  it.effect("a handler that throws harms no other deadline, and is told in the log with its stack, once", () =>
    hearing((heard) =>
      Effect.gen(function*() {
        const deadlines = yield* Deadlines.make
        const fired: Array<number> = []
        const start = deadlines.now()
        const arm = (millis: number) => deadlines.arm(millis, () => fired.push(deadlines.now() - start))
        arm(50)
        deadlines.arm(100, () => {
          throw new Error("a bug in a handler")
        })
        for (const millis of [100, 100, 150]) arm(millis)
        yield* TestClock.adjust("100 millis")
        yield* TestClock.adjust("50 millis")
        assert.deepStrictEqual(fired, [50, 100, 100, 150])
        const again = (): void => {
          deadlines.arm(10, again)
          throw new Error("a bug in a handler")
        }
        deadlines.arm(10, again)
        arm(1000)
        yield* TestClock.adjust("1 second")
        assert.strictEqual(fired.length, 5)
        const told = errors(heard)
        assert.deepStrictEqual(told.map(({ text }) => text), [
          "the handler of a deadline threw",
          "the handler of a deadline threw"
        ])
        for (const { cause } of told) assert.match(cause, /a bug in a handler[^]*Deadlines\.test/)
      })
    ))

  it.effect("a handler that arms another deadline at once, on and on, leaves others their turn", () =>
    Effect.gen(function*() {
      const deadlines = yield* Deadlines.make
      let rounds = 0
      const again = (): void => {
        // An end, so that this test can fail.
        if (rounds++ < 100_000) deadlines.arm(0, again)
      }
      deadlines.arm(0, again)
      yield* TestClock.adjust(0)
      yield* Effect.yieldNow
      assert.isAbove(rounds, 0)
      assert.isBelow(rounds, 100_000)
    }))

  it.effect("what is no number of milliseconds expires at once, and keeps no other from its time", () =>
    Effect.gen(function*() {
      const deadlines = yield* Deadlines.make
      const fired: Array<string> = []
      for (const millis of [300, Number.NaN, 100, -5, Number.NEGATIVE_INFINITY, 200, 1e20, Number.NaN]) {
        deadlines.arm(millis, () => fired.push(String(millis)))
      }
      deadlines.arm(Number.POSITIVE_INFINITY, () => fired.push("never"))
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(fired.toSorted(), ["-5", "-Infinity", "NaN", "NaN"])
      for (let i = 0; i < 3; i++) yield* TestClock.adjust("100 millis")
      assert.deepStrictEqual(fired.slice(4), ["100", "200", "300"])
      assert.strictEqual(deadlines.size(), 1)
    }))

  it.effect("handlers never run within arm, in the middle of what its caller is about", () =>
    Effect.gen(function*() {
      const deadlines = yield* Deadlines.make
      let isArming = false
      const ran: Array<string> = []
      const handler = () => {
        ran.push(isArming ? "within arm" : "in a turn of its own")
      }
      // The first finds the sweeper parked, each of the others is due earlier than all before, and so wakes it.
      for (const millis of [0, 100, 10, 1, 0, 0]) {
        isArming = true
        deadlines.arm(millis, handler)
        isArming = false
      }
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(ran, Array.from({ length: 6 }, () => "in a turn of its own"))
    }))

  it.live("on the real clock a deadline comes never comes early", () =>
    Effect.gen(function*() {
      const deadlines = yield* Deadlines.make
      const late = yield* Effect.callback<number>((resume) => {
        const start = deadlines.now()
        deadlines.arm(50, () => resume(Effect.succeed(deadlines.now() - start - 50)))
      })
      assert.isAtLeast(late, 0)
    }))
})
