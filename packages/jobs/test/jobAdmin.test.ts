/** Jobs as the admin port of a server has them. */
import { assert, describe, it } from "@effect/vitest"
import * as Job from "@holdfast/jobs/Job"
import { JobError, JobStoreUnavailable } from "@holdfast/jobs/JobError"
import * as Jobs from "@holdfast/jobs/Jobs"
import { JobAdmin } from "@holdfast/jobs/mcp"
import * as MemoryStore from "@holdfast/jobs/MemoryStore"
import * as Runner from "@holdfast/jobs/Runner"
import * as Principal from "@holdfast/protocol/Principal"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/testing/TestClock"

const Copy = Job.make("copy", { version: 1, payload: { fails: Schema.Boolean }, success: Schema.Void })
const alice = { owner: Principal.make("alice") }

const live = Runner.toLayer(Copy, ({ fails }, job) =>
  Effect.gen(function*() {
    yield* job.step("read", Effect.void)
    yield* job.progress({ percent: 50, message: "half of it" })
    if (fails) return yield* Effect.die(new Error("s3cret"))
    return yield* job.step("write", Effect.never)
  })).pipe(Layer.provide(MemoryStore.layer))

describe("jobs on the admin port", () => {
  it.effect("have their principal, progress, steps and why they failed, without internals; the newest first, and no more than asked for", () =>
    Effect.gen(function*() {
      const jobs = yield* Jobs.Jobs
      const admin = yield* JobAdmin.make
      const failed = yield* jobs.start(Copy, { fails: true }, alice)
      const running = yield* jobs.start(Copy, { fails: false }, alice)
      yield* TestClock.adjust("5 seconds")
      const [first, second] = yield* admin.list(10)
      assert.deepInclude(first, {
        id: running,
        kind: "copy",
        principal: "alice",
        state: "running",
        percent: 50,
        message: "half of it",
        steps: ["read"],
        attempts: 1
      })
      assert.deepInclude(second, { id: failed, state: "failed", steps: ["read"] })
      assert.isString(second?.failure)
      assert.notInclude(JSON.stringify(second), "s3cret")
      assert.lengthOf(yield* admin.list(1), 1)
      yield* admin.cancel(running)
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual((yield* jobs.status(running, alice)).state, "cancelled")
    }).pipe(Effect.provide(live)))

  it.effect("are run again as new ones, and say why one cannot be", () =>
    Effect.gen(function*() {
      const jobs = yield* Jobs.Jobs
      const admin = yield* JobAdmin.make
      const first = yield* jobs.start(Copy, { fails: true }, alice)
      assert.include((yield* Effect.flip(admin.again(first))).message, first)
      yield* TestClock.adjust("5 seconds")
      const said = yield* admin.again(first)
      const next = /as the new job (\S+)$/.exec(said)?.[1] ?? ""
      assert.strictEqual((yield* jobs.status(next, alice)).owner, "alice")
      assert.include((yield* Effect.flip(admin.again("none"))).message, "none")
    }).pipe(Effect.provide(live)))

  it.effect("that have ended are asked for their steps once", () => {
    const asked: Array<string> = []
    const status = (id: string, state: "running" | "succeeded" | "queued") => ({
      id,
      state,
      kind: "copy",
      version: 1,
      owner: "alice",
      attempt: 1,
      percent: 0,
      isCancelling: false,
      createdAt: 0,
      updatedAt: 0
    })
    const none = Effect.fail(
      new JobError({
        reason: new JobStoreUnavailable({ store: "x", operation: "x", problem: "locked", detail: "by the test" })
      })
    )
    let isLocked = false
    const operator: Jobs.JobsOperator = {
      list: () =>
        isLocked
          ? none
          : Effect.succeed([status("a", "running"), status("b", "succeeded"), status("c", "queued")]),
      steps: (id) => Effect.sync(() => (asked.push(id), ["one"])),
      cancel: () => none,
      again: () => none
    }
    return Effect.gen(function*() {
      const admin = yield* JobAdmin.make
      yield* admin.list(10)
      yield* admin.list(10)
      assert.deepStrictEqual(asked.toSorted(), ["a", "a", "b"])
      isLocked = true
      assert.match((yield* Effect.flip(admin.list(10))).message, /x/)
    }).pipe(Effect.provide(Layer.mock(Jobs.Jobs, { operator })))
  })
})
