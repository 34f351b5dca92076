import { assert, describe, it } from "@effect/vitest"
import type { JobError } from "@holdfast/jobs"
import type { NewJob } from "@holdfast/jobs/JobStore"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type { Claim, ClaimRequest, Hold, Runner, Store } from "../../src/internal/lease/LeaseStore.ts"
import { Rows } from "./LeaseRows.ts"

/** A store under test. */
export interface Subject {
  readonly name: string
  /** A new and empty one. */
  readonly layer: Layer.Layer<Rows, JobError>
  /** `it.effect` where the store goes by the test's clock, `it.live` where it goes by its own. */
  readonly test: typeof it.effect | typeof it.live
  readonly elapse: (millis: number) => Effect.Effect<void>
}

let number = 0
const job = (over: Partial<NewJob> = {}): NewJob => ({
  id: `job-${++number}`,
  kind: "scan",
  version: 1,
  owner: "alice",
  key: undefined,
  payload: `{"path":"/"}`,
  maxQueued: 100,
  again: false,
  delayMillis: 0,
  deadlineMillis: undefined,
  ...over
})
const runner = (id: string): Runner => ({ id, identity: { machine: "here", pid: 1, birth: "2" } })
const request = (over: Partial<ClaimRequest> = {}): ClaimRequest => ({
  runner: "one",
  kind: "scan",
  version: 1,
  onOldVersion: "restart",
  maxCrashes: 3,
  ...over
})
const lease = 300
const tooLong = 400

const claimed = (store: Store, over: Partial<ClaimRequest> = {}) =>
  Effect.gen(function*() {
    const claim = yield* store.claim(request(over))
    if (claim._tag !== "Claimed") throw new Error(`expected a job to run, got ${claim._tag}`)
    return claim.job
  })
const formerOf = (claim: Claim) => claim._tag === "Nothing" ? undefined : claim.former
const only = (store: Store, id: string) =>
  Effect.gen(function*() {
    const [found] = yield* store.read([id])
    if (found === undefined) throw new Error(`no job ${id}`)
    return found
  })

/** What every store promises. */
export const storeContract = ({ elapse, layer, name, test }: Subject): void => {
  const promise = (sentence: string, f: (store: Store) => Effect.Effect<void, unknown>) =>
    test(sentence, () => Effect.provide(Effect.flatMap(Rows, f), layer))

  describe(`a store in ${name}`, () => {
    promise("keeps a job as it was accepted", (store) =>
      Effect.gen(function*() {
        const given = job({ owner: `o'"\\ \u{1F600}`, payload: JSON.stringify({ path: "/\n'\"; DROP TABLE x" }) })
        const { isNew, job: stored } = yield* store.insert(given)
        assert.isTrue(isNew)
        assert.deepStrictEqual(yield* only(store, given.id), stored)
        assert.strictEqual(stored.owner, given.owner)
        assert.strictEqual(stored.state, "queued")
        assert.strictEqual(stored.attempt, 0)
        assert.strictEqual(stored.percent, 0)
        assert.isFalse(stored.isCancelling)
        assert.deepStrictEqual(yield* store.read(["nobody"]), [])
        assert.isUndefined(yield* store.result("nobody"))
        yield* store.renew(runner("one"), lease)
        assert.strictEqual((yield* claimed(store)).payload, given.payload)
        assert.deepStrictEqual(yield* store.read([]), [])
      }))

    promise(
      "finds the job of the same kind, owner and key, also when many start it at once",
      (store) =>
        Effect.gen(function*() {
          const all = yield* Effect.forEach(
            Array.from({ length: 10 }),
            () => store.insert(job({ key: "k" })),
            { concurrency: "unbounded" }
          )
          assert.strictEqual(new Set(all.map(({ job: { id } }) => id)).size, 1)
          assert.strictEqual(all.filter(({ isNew }) => isNew).length, 1)
          assert.isTrue((yield* store.insert(job({ key: "k", owner: "bob" }))).isNew)
          assert.isTrue((yield* store.insert(job({ key: "k", kind: "other" }))).isNew)
          assert.isTrue((yield* store.insert(job({ key: "l" }))).isNew)
          assert.isTrue((yield* store.insert(job())).isNew)
          assert.isTrue((yield* store.insert(job())).isNew)
        })
    )

    promise("refuses more queued jobs than an owner may have", (store) =>
      Effect.gen(function*() {
        yield* store.insert(job({ maxQueued: 1 }))
        const error = yield* Effect.flip(store.insert(job({ maxQueued: 1 })))
        assert.strictEqual(error.reason._tag, "JobQueueFull")
        yield* store.insert(job({ maxQueued: 1, owner: "bob" }))
        yield* store.renew(runner("one"), lease)
        yield* claimed(store)
        yield* claimed(store)
        yield* store.insert(job({ maxQueued: 1 }))
      }))

    promise(
      "lists an owner's jobs, the newest first, by kind and state, up to a limit",
      (store) =>
        Effect.gen(function*() {
          const ids: Array<string> = []
          for (const over of [{}, { kind: "other" }, { owner: "bob" }, {}]) {
            ids.push((yield* store.insert(job(over))).job.id)
          }
          yield* store.requestCancel(ids[0]!)
          const list = (over: object) =>
            Effect.map(
              store.list({ owner: "alice", kind: undefined, states: undefined, limit: 10, ...over }),
              (jobs) => jobs.map(({ id }) => id)
            )
          assert.deepStrictEqual(yield* list({}), [ids[3], ids[1], ids[0]])
          assert.deepStrictEqual(yield* list({ kind: "scan" }), [ids[3], ids[0]])
          assert.deepStrictEqual(yield* list({ states: ["cancelled", "failed"] }), [ids[0]])
          assert.deepStrictEqual(yield* list({ limit: 1 }), [ids[3]])
          assert.deepStrictEqual(yield* list({ owner: "carol" }), [])
        })
    )

    promise("gives each job to one of many runners", (store) =>
      Effect.gen(function*() {
        for (let i = 0; i < 12; i++) yield* store.insert(job({ owner: `owner ${i % 3}` }))
        const runners = ["a", "b", "c", "d"]
        for (const id of runners) yield* store.renew(runner(id), 60_000)
        const taken = yield* Effect.forEach(
          runners,
          (id) => Effect.forEach(Array.from({ length: 6 }), () => store.claim(request({ runner: id }))),
          { concurrency: "unbounded" }
        )
        const ids = taken.flat().flatMap((claim) => claim._tag === "Claimed" ? [claim.job.id] : [])
        assert.strictEqual(ids.length, 12)
        assert.strictEqual(new Set(ids).size, 12)
      }))

    promise(
      "gives owners their turns, and each owner's jobs in the order they came",
      (store) =>
        Effect.gen(function*() {
          yield* store.renew(runner("one"), 60_000)
          for (const owner of ["a", "a", "a", "a", "b", "b", "c"]) yield* store.insert(job({ owner }))
          const order: Array<string> = []
          const numbers = new Map<string, Array<number>>()
          for (let i = 0; i < 7; i++) {
            const { id, owner } = yield* claimed(store)
            order.push(owner)
            numbers.set(owner, [...numbers.get(owner) ?? [], Number(id.slice(4))])
          }
          assert.deepStrictEqual(order.slice(0, 3).toSorted(), ["a", "b", "c"])
          assert.deepStrictEqual(order.slice(3, 5).toSorted(), ["a", "b"])
          assert.deepStrictEqual(order.slice(5), ["a", "a"])
          for (const mine of numbers.values()) assert.deepStrictEqual(mine, mine.toSorted((x, y) => x - y))
        })
    )

    promise("leaves kinds and versions alone that the runner does not know", (store) =>
      Effect.gen(function*() {
        yield* store.insert(job({ kind: "other" }))
        yield* store.insert(job({ version: 2 }))
        assert.strictEqual((yield* store.claim(request()))._tag, "Nothing")
      }))

    promise(
      "takes nothing from a runner whose lease holds, and everything from one whose lease is over",
      (store) =>
        Effect.gen(function*() {
          yield* store.insert(job())
          yield* store.renew(runner("one"), lease)
          const first = yield* claimed(store)
          yield* store.renew(runner("two"), 60_000)
          assert.strictEqual((yield* store.claim(request({ runner: "two" })))._tag, "Nothing")
          yield* elapse(tooLong)
          const second = yield* claimed(store, { runner: "two" })
          assert.strictEqual(second.id, first.id)
          assert.isAbove(second.fence, first.fence)
          assert.strictEqual(second.attempt, 2)
          assert.deepStrictEqual(yield* store.held("one"), [])
          assert.deepStrictEqual((yield* store.held("two")).map(({ id }) => id), [first.id])
        })
    )

    promise(
      "never takes a job from its own runner, whose lease is over, and lets it finish if nobody took it",
      (store) =>
        Effect.gen(function*() {
          yield* store.insert(job())
          yield* store.renew(runner("one"), lease)
          const hold = yield* claimed(store)
          yield* elapse(tooLong)
          assert.strictEqual((yield* store.claim(request()))._tag, "Nothing")
          assert.isTrue(yield* store.commitStep(hold, "s", "1"))
          assert.isTrue(yield* store.finish(hold, { state: "succeeded", result: "1" }))
        })
    )

    promise("writes nothing for a runner that lost its hold, in whatever it tries", (store) =>
      Effect.gen(function*() {
        yield* store.insert(job())
        yield* store.renew(runner("one"), lease)
        const old = yield* claimed(store)
        yield* store.retire("one")
        yield* store.renew(runner("two"), 60_000)
        yield* claimed(store, { runner: "two" })
        const before = yield* only(store, old.id)
        const hold = { id: old.id, fence: old.fence }
        assert.isFalse(yield* store.beginStep(hold, "s"))
        assert.isFalse(yield* store.commitStep(hold, "s", "1"))
        assert.isFalse(yield* store.finish(hold, { state: "succeeded", result: "1" }))
        assert.isFalse(yield* store.release(hold))
        yield* store.report([{ ...hold, percent: 99, message: "mine", data: undefined }])
        assert.isUndefined(yield* store.step(old.id, "s"))
        assert.deepStrictEqual(yield* only(store, old.id), before)
      }))

    promise("keeps what a step returned, and what has only begun apart from it", (store) =>
      Effect.gen(function*() {
        yield* store.insert(job())
        yield* store.renew(runner("one"), lease)
        const { fence, id } = yield* claimed(store)
        assert.isUndefined(yield* store.step(id, "s"))
        assert.isTrue(yield* store.beginStep({ id, fence }, "s"))
        assert.deepInclude(yield* store.step(id, "s"), { _tag: "Begun", fence })
        assert.isTrue(yield* store.commitStep({ id, fence }, "s", `{"a":"\u{1F600}"}`))
        assert.deepInclude(yield* store.step(id, "s"), { _tag: "Done", value: `{"a":"\u{1F600}"}` })
        assert.isTrue(yield* store.commitStep({ id, fence }, "void", undefined))
        assert.deepInclude(yield* store.step(id, "void"), { _tag: "Done", value: undefined })
      }))

    promise("ends a job once: with its result, its failure, or neither", (store) =>
      Effect.gen(function*() {
        yield* store.renew(runner("one"), 60_000)
        const failure = { kind: "error", message: "no", error: `"e"`, cause: "because" } as const
        for (
          const outcome of [
            { state: "succeeded", result: "[1]" },
            { state: "failed", failure },
            { state: "cancelled" }
          ] as const
        ) {
          yield* store.insert(job())
          const { fence, id } = yield* claimed(store)
          assert.isTrue(yield* store.finish({ id, fence }, outcome))
          assert.isFalse(yield* store.finish({ id, fence }, { state: "cancelled" }))
          const ended = yield* only(store, id)
          assert.strictEqual(ended.state, outcome.state)
          assert.strictEqual(yield* store.result(id), outcome.state === "succeeded" ? "[1]" : undefined)
          assert.deepStrictEqual(ended.failure, outcome.state === "failed" ? failure : undefined)
          assert.strictEqual(ended.percent, outcome.state === "succeeded" ? 100 : 0)
          assert.isDefined(ended.startedAt)
          assert.isDefined(ended.finishedAt)
          assert.strictEqual((yield* store.claim(request()))._tag, "Nothing")
        }
      }))

    promise(
      "never lets progress go back, and tells each change by a higher revision",
      (store) =>
        Effect.gen(function*() {
          yield* store.insert(job())
          yield* store.renew(runner("one"), 60_000)
          const { fence, id, revision } = yield* claimed(store)
          yield* store.report([{ id, fence, percent: 40.5, message: "a", data: "[1]" }])
          const first = yield* only(store, id)
          assert.deepInclude(first, { percent: 40.5, message: "a", data: "[1]" })
          yield* store.report([{ id, fence, percent: 12, message: undefined, data: undefined }])
          const second = yield* only(store, id)
          assert.deepInclude(second, { percent: 40.5, message: undefined, data: undefined })
          assert.isAbove(first.revision, revision)
          assert.isAbove(second.revision, first.revision)
        })
    )

    promise(
      "cancels a job that waits at once, asks the runner of one that runs, and leaves an ended one",
      (store) =>
        Effect.gen(function*() {
          yield* store.renew(runner("one"), lease)
          const waiting = (yield* store.insert(job())).job.id
          assert.isTrue(yield* store.requestCancel(waiting))
          assert.strictEqual((yield* only(store, waiting)).state, "cancelled")
          assert.isFalse(yield* store.requestCancel(waiting))
          assert.strictEqual((yield* only(store, waiting)).state, "cancelled")
          yield* store.insert(job())
          const { fence, id } = yield* claimed(store)
          assert.isFalse(yield* store.requestCancel(id))
          assert.deepInclude(yield* only(store, id), { state: "running", isCancelling: true })
          assert.deepStrictEqual(yield* store.held("one"), [{ id, fence, isCancelling: true }])
          assert.isTrue(yield* store.release({ id, fence }))
          assert.deepInclude(yield* only(store, id), { state: "cancelled", isCancelling: false })
        })
    )

    promise(
      "ends a cancelled job whose runner is dead, whether asked before or after its death",
      (store) =>
        Effect.gen(function*() {
          yield* store.renew(runner("one"), lease)
          yield* store.insert(job())
          yield* store.insert(job())
          const before = yield* claimed(store)
          const after = yield* claimed(store)
          yield* store.requestCancel(before.id)
          yield* elapse(tooLong)
          yield* store.requestCancel(after.id)
          assert.strictEqual((yield* only(store, after.id)).state, "cancelled")
          const settled = yield* store.claim(request({ runner: "two" }))
          assert.deepInclude(settled, { _tag: "Settled", id: before.id, state: "cancelled" })
          assert.strictEqual(formerOf(settled)?.runner, "one")
          assert.strictEqual((yield* only(store, before.id)).state, "cancelled")
        })
    )

    promise("queues the jobs of a runner that leaves, and counts that as no crash", (store) =>
      Effect.gen(function*() {
        yield* store.insert(job())
        for (let i = 1; i <= 5; i++) {
          yield* store.renew(runner("one"), lease)
          const { attempt, id } = yield* claimed(store, { maxCrashes: 1 })
          assert.strictEqual(attempt, i)
          yield* store.leave("one")
          assert.strictEqual((yield* only(store, id)).state, "queued")
          assert.deepStrictEqual(yield* store.runners, [])
        }
      }))

    promise(
      "fails a job whose runners die over it without completing a step, and counts anew after one",
      (store) =>
        Effect.gen(function*() {
          const { job: { id } } = yield* store.insert(job())
          const dieAfter = (runnerId: string, use: (hold: Hold) => Effect.Effect<unknown, JobError>) =>
            Effect.gen(function*() {
              yield* store.renew(runner(runnerId), lease)
              yield* use(yield* claimed(store, { runner: runnerId }))
              yield* store.retire(runnerId)
            })
          yield* dieAfter("a", () => Effect.void)
          yield* dieAfter("b", () => Effect.void)
          yield* dieAfter("c", (hold) => store.commitStep(hold, "s", undefined))
          yield* dieAfter("d", () => Effect.void)
          yield* dieAfter("e", () => Effect.void)
          assert.deepStrictEqual(yield* store.claim(request()), {
            _tag: "Settled",
            id,
            state: "failed",
            former: { runner: "e", leaseOverMillis: undefined }
          })
          const { failure, state } = yield* only(store, id)
          assert.strictEqual(state, "failed")
          assert.strictEqual(failure?.kind, "crashes")
        })
    )

    promise("does with jobs of an older version what the kind says", (store) =>
      Effect.gen(function*() {
        yield* store.renew(runner("one"), 60_000)
        const begin = (step: string, isUnsafe: boolean) =>
          Effect.gen(function*() {
            const { job: { id } } = yield* store.insert(job())
            const hold = yield* claimed(store)
            if (isUnsafe) yield* store.beginStep(hold, step)
            yield* store.commitStep(hold, step, "1")
            yield* store.report([{ ...hold, id, percent: 50, message: "m", data: undefined }])
            yield* store.release(hold)
            return id
          })
        const finished = yield* begin("s", false)
        const goesOn = yield* claimed(store, { version: 2, onOldVersion: "finish" })
        assert.deepInclude(goesOn, { id: finished, version: 1, percent: 50 })
        assert.isDefined(yield* store.step(finished, "s"))
        yield* store.release(goesOn)
        const startsOver = yield* claimed(store, { version: 2, onOldVersion: "restart" })
        assert.deepInclude(startsOver, { id: finished, version: 2, percent: 0, message: undefined })
        assert.isUndefined(yield* store.step(finished, "s"))
        yield* store.finish(startsOver, { state: "cancelled" })
        const unsafe = yield* begin("pay", true)
        const settled = { _tag: "Settled", id: unsafe, state: "failed" } as const
        assert.deepStrictEqual(yield* store.claim(request({ version: 2, onOldVersion: "restart" })), settled)
        assert.strictEqual((yield* only(store, unsafe)).failure?.kind, "version")
        const failed = yield* begin("s", false)
        yield* store.claim(request({ version: 2, onOldVersion: "fail" }))
        assert.deepInclude(yield* only(store, failed), { state: "failed" })
        assert.strictEqual((yield* only(store, failed)).failure?.kind, "version")
      }))

    promise(
      "tells the runners, each with its process, whether its lease is over, and when it renews it",
      (store) =>
        Effect.gen(function*() {
          yield* store.renew(runner("one"), lease)
          yield* store.renew(runner("two"), 60_000)
          const all = Effect.map(store.runners, (all) => new Map(all.map((runner) => [runner.id, runner])))
          const before = yield* all
          assert.sameMembers([...before.keys()], ["one", "two"])
          assert.deepInclude(before.get("one"), { identity: runner("x").identity, isOver: false })
          yield* elapse(tooLong)
          const after = yield* all
          assert.deepStrictEqual(after.get("one"), {
            ...runner("one"),
            until: before.get("one")?.until ?? 0,
            isOver: true
          })
          assert.strictEqual(after.get("two")?.isOver, false)
          yield* store.renew(runner("one"), 60_000)
          const renewed = (yield* all).get("one")
          assert.strictEqual(renewed?.isOver, false)
          assert.isAbove(renewed?.until ?? 0, before.get("one")?.until ?? 0)
          yield* store.retire("one")
          assert.sameMembers([...(yield* all).keys()], ["two"])
        })
    )

    promise(
      "takes from those whose lease is over only what it may, and from whom the store does not know anything",
      (store) =>
        Effect.gen(function*() {
          for (const id of ["one", "two", "three"]) {
            yield* store.insert(job())
            yield* store.renew(runner(id), lease)
            yield* claimed(store, { runner: id })
          }
          yield* store.retire("three")
          const from = (silent: ReadonlyArray<string>) =>
            Effect.map(store.claim(request({ runner: "heir", silent })), formerOf)
          assert.deepStrictEqual(yield* from([]), { runner: "three", leaseOverMillis: undefined })
          assert.isUndefined(yield* from(["one", "two"]), "their leases hold")
          yield* elapse(tooLong)
          assert.isUndefined(yield* from([]))
          const former = yield* from(["two"])
          assert.strictEqual(former?.runner, "two")
          assert.isAtLeast(former?.leaseOverMillis ?? -1, 0)
          assert.isUndefined(yield* from(["two"]))
          assert.strictEqual((yield* from(["one"]))?.runner, "one")
        })
    )

    promise("counts what waits of a kind, and how long the oldest has", (store) =>
      Effect.gen(function*() {
        yield* store.renew(runner("one"), 60_000)
        assert.deepStrictEqual(yield* store.backlog("scan"), { queued: 0, oldestMillis: 0 })
        yield* store.insert(job())
        yield* elapse(tooLong)
        yield* store.insert(job({ owner: "bob" }))
        const both = yield* store.backlog("scan")
        assert.strictEqual(both.queued, 2)
        assert.isAtLeast(both.oldestMillis, tooLong)
        assert.deepStrictEqual(yield* store.backlog("other"), { queued: 0, oldestMillis: 0 })
        yield* claimed(store)
        const one = yield* store.backlog("scan")
        assert.strictEqual(one.queued, 1)
        assert.isBelow(one.oldestMillis, both.oldestMillis)
      }))

    promise("removes ended jobs only, and old ones when they are looked for", (store) =>
      Effect.gen(function*() {
        yield* store.renew(runner("one"), 60_000)
        const { job: { id } } = yield* store.insert(job({ key: "k" }))
        assert.isFalse(yield* store.remove(id))
        const hold = yield* claimed(store)
        assert.isFalse(yield* store.remove(id))
        yield* store.commitStep(hold, "s", "1")
        yield* store.finish(hold, { state: "succeeded", result: "1" })
        assert.isTrue(yield* store.remove(id))
        assert.deepStrictEqual(yield* store.read([id]), [])
        assert.isUndefined(yield* store.step(id, "s"))
        assert.isTrue((yield* store.insert(job({ key: "k" }))).isNew)
        const old = yield* claimed(store)
        yield* store.finish(old, { state: "cancelled" })
        yield* store.insert(job())
        yield* elapse(tooLong)
        const { job: { id: young } } = yield* store.insert(job({ owner: "bob" }))
        yield* store.requestCancel(young)
        assert.strictEqual(yield* store.clean(lease), 1)
        assert.strictEqual(yield* store.clean(lease), 0)
        assert.deepStrictEqual(yield* store.read([old.id]), [])
        assert.isDefined((yield* store.read([young]))[0])
        assert.strictEqual((yield* claimed(store)).owner, "alice")
      }))
  })
}
