import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as fs from "node:fs"
import { ProcessIdentity, type ProcessIdentityShape } from "../src/internal/ProcessIdentity.ts"
import * as RunnerLocks from "../src/internal/sqlite/RunnerLocks.ts"
import { temporaryFile } from "./support/temporaryFile.ts"

/** Locks beside a store, as two programs see them. */
const setUp = (over: Partial<ProcessIdentityShape> = {}) =>
  Effect.gen(function*() {
    const store = yield* temporaryFile("jobs.db")
    fs.writeFileSync(store, "")
    const host = { ...yield* ProcessIdentity, ...over }
    const fileOf = (runner: string) => `${store}-runners/${runner}.lock`
    const living = { id: "one", identity: host.identity }
    return { mine: RunnerLocks.make(store, host), other: RunnerLocks.make(store, host), store, fileOf, living }
  })

/** Held by a program until that is closed. */
const held = (locks: RunnerLocks.RunnerLocks, runner: string) =>
  Effect.gen(function*() {
    const scope = yield* Scope.make()
    yield* Scope.provide(locks.hold(runner), scope)
    return { end: Scope.close(scope, Exit.void) }
  })

const promise = (sentence: string, test: Effect.Effect<void, unknown, Scope.Scope>) =>
  it.effect(sentence, () => Effect.scoped(test))

describe("a runner", () => {
  promise(
    "is dead when its lock is free, though a process of its pid lives, and not before",
    Effect.gen(function*() {
      const { living, mine, other } = yield* setUp({ isAlive: () => true, isDead: () => false })
      const { end } = yield* held(mine, "one")
      assert.isFalse(yield* other.isDead(living))
      assert.isFalse(yield* mine.isDead(living))
      // Whoever has tried the lock has not taken it away.
      assert.isFalse(yield* other.isDead(living))
      yield* end
      assert.isTrue(yield* other.isDead(living))
      assert.isTrue(yield* mine.isDead(living))
    })
  )

  promise(
    "is alive while its lock is held, though its process seems to be gone",
    Effect.gen(function*() {
      const { living, mine, other } = yield* setUp({ isDead: () => true, isOfEarlierBoot: () => true })
      yield* held(mine, "one")
      assert.isFalse(yield* other.isDead(living))
    })
  )

  promise(
    "whose lock file was deleted is dead only if its process certainly is, or the machine was booted since",
    Effect.gen(function*() {
      let isGone = false
      let isBooted = false
      const { fileOf, living, mine, other } = yield* setUp({ isDead: () => isGone, isOfEarlierBoot: () => isBooted })
      yield* held(mine, "one")
      fs.rmSync(fileOf("one"))
      assert.isFalse(yield* other.isDead(living))
      isGone = true
      assert.isTrue(yield* other.isDead(living))
      isGone = false
      isBooted = true
      assert.isTrue(yield* other.isDead(living))
    })
  )

  promise(
    "that lives takes its lock again when its file, or the whole folder, was deleted",
    Effect.gen(function*() {
      const { fileOf, living, mine, other, store } = yield* setUp({ isDead: () => true })
      yield* held(mine, "one")
      fs.rmSync(`${store}-runners`, { recursive: true })
      yield* mine.renew
      assert.isTrue(fs.existsSync(fileOf("one")))
      assert.isFalse(yield* other.isDead(living))
    })
  )

  promise(
    "has one empty file and no companion of it",
    Effect.gen(function*() {
      const { fileOf, mine, store } = yield* setUp()
      yield* held(mine, "one")
      assert.deepStrictEqual(fs.readdirSync(`${store}-runners`), ["one.lock"])
      assert.strictEqual(fs.statSync(fileOf("one")).size, 0)
      yield* mine.forget("one")
      assert.isFalse(fs.existsSync(`${store}-runners`))
    })
  )

  promise(
    "that is dead and unknown leaves no file for ever: it is swept, and those of the living and the known stay",
    Effect.gen(function*() {
      const { mine, other, store } = yield* setUp()
      for (const runner of ["living", "known", "unknown"]) {
        const { end } = yield* held(mine, runner)
        if (runner !== "living") yield* end
      }
      yield* other.sweep(new Set(["known"]))
      assert.sameMembers(fs.readdirSync(`${store}-runners`), ["living.lock", "known.lock"])
    })
  )

  promise(
    "of another path of the same store has the same folder",
    Effect.gen(function*() {
      const { living, mine, store } = yield* setUp()
      yield* held(mine, "one")
      fs.symlinkSync(store, `${store}-link`)
      const other = RunnerLocks.make(`${store}-link`, yield* ProcessIdentity)
      assert.isFalse(yield* other.isDead(living))
    })
  )
})

describe("a machine", () => {
  it.effect("was booted since a process was born when their boot ids differ, and not when that cannot be told", () =>
    Effect.gen(function*() {
      const { identity, isOfEarlierBoot } = yield* ProcessIdentity
      const [boot = "", space = ""] = identity.machine.split(" ")
      const before = boot.replace(/^./, (digit) => digit === "0" ? "1" : "0")
      assert.isTrue(isOfEarlierBoot({ ...identity, machine: `${before} ${space}` }))
      assert.isFalse(isOfEarlierBoot({ ...identity, machine: `${boot} pid:[1]` }))
      assert.isFalse(isOfEarlierBoot({ ...identity, machine: "a-host-name" }))
    }))
})
