import { assert, describe, it } from "@effect/vitest"
import type { JobError } from "@holdfast/jobs/JobError"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { ClaimedJob, ClaimRequest, Runner, Store } from "../../src/internal/local/Store.ts"
import type { NewJob } from "../../src/internal/StoredJob.ts"
import { Rows } from "./Rows.ts"

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
  suspects: "take",
  ...over
})
const tooLong = 400

const claimed = (store: Store, over: Partial<ClaimRequest> = {}) =>
  Effect.gen(function*() {
    const claim = yield* store.claim(request(over))
    if (claim._tag !== "Claimed") throw new Error(`expected a job to run, got ${claim._tag}`)
    return claim.job
  })
const only = (store: Store, id: string) =>
  Effect.gen(function*() {
    const [found] = yield* store.read([id])
    if (found === undefined) throw new Error(`no job ${id}`)
    return found
  })

/** What every store promises. */
export const storeContract = ({ elapse, layer, name, test }: Subject): void => {
  const promise = (sentence: string, f: (store: Store) => Effect.Effect<void, unknown, Scope.Scope>) =>
    test(sentence, () => Effect.provide(Effect.flatMap(Rows, (store) => Effect.scoped(f(store))), layer))

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
        yield* store.enroll(runner("one"))
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
        yield* store.enroll(runner("one"))
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
        for (const id of runners) yield* store.enroll(runner(id))
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
          yield* store.enroll(runner("one"))
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

    promise("writes nothing for a runner that lost its hold, in whatever it tries", (store) =>
      Effect.gen(function*() {
        yield* store.insert(job())
        yield* store.enroll(runner("one"))
        const old = yield* claimed(store)
        yield* store.bury("one")
        yield* store.enroll(runner("two"))
        yield* elapse(1000)
        yield* store.awaken
        yield* claimed(store, { runner: "two" })
        const before = yield* only(store, old.id)
        const hold = { id: old.id, fence: old.fence }
        assert.isFalse(yield* store.beginStep(hold, "s"))
        assert.isFalse(yield* store.commitStep(hold, "s", "1", false))
        assert.isFalse(yield* store.finish(hold, { state: "succeeded", result: "1" }))
        assert.isFalse(yield* store.release(hold))
        yield* store.report([{ ...hold, percent: 99, message: "mine", data: undefined }])
        assert.isUndefined(yield* store.step(old.id, "s"))
        assert.deepStrictEqual(yield* only(store, old.id), before)
      }))

    promise("keeps what a step returned, and what has only begun apart from it", (store) =>
      Effect.gen(function*() {
        yield* store.insert(job())
        yield* store.enroll(runner("one"))
        const { fence, id } = yield* claimed(store)
        assert.isUndefined(yield* store.step(id, "s"))
        assert.isTrue(yield* store.beginStep({ id, fence }, "s"))
        assert.deepInclude(yield* store.step(id, "s"), { _tag: "Begun", fence })
        assert.isTrue(yield* store.commitStep({ id, fence }, "s", `{"a":"\u{1F600}"}`, false))
        assert.deepInclude(yield* store.step(id, "s"), { _tag: "Done", value: `{"a":"\u{1F600}"}` })
        assert.isTrue(yield* store.commitStep({ id, fence }, "void", undefined, false))
        assert.deepInclude(yield* store.step(id, "void"), { _tag: "Done", value: undefined })
      }))

    promise("ends a job once: with its result, its failure, or neither", (store) =>
      Effect.gen(function*() {
        yield* store.enroll(runner("one"))
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
          yield* store.enroll(runner("one"))
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
          yield* store.enroll(runner("one"))
          const waiting = (yield* store.insert(job())).job.id
          assert.isTrue(yield* store.requestCancel(waiting))
          assert.strictEqual((yield* only(store, waiting)).state, "cancelled")
          assert.isFalse(yield* store.requestCancel(waiting))
          assert.strictEqual((yield* only(store, waiting)).state, "cancelled")
          yield* store.insert(job())
          const { fence, id } = yield* claimed(store)
          assert.isFalse(yield* store.requestCancel(id))
          assert.deepInclude(yield* only(store, id), { state: "running", isCancelling: true })
          assert.deepStrictEqual(yield* store.held("one"), [{ id, fence, isCancelling: true, question: undefined }])
          assert.isTrue(yield* store.release({ id, fence }))
          assert.deepInclude(yield* only(store, id), { state: "cancelled", isCancelling: false })
        })
    )

    promise("queues the jobs of a runner that leaves, and counts that as no crash", (store) =>
      Effect.gen(function*() {
        yield* store.insert(job())
        for (let i = 1; i <= 5; i++) {
          yield* Effect.scoped(Effect.gen(function*() {
            yield* store.enroll(runner("one"))
            const { attempt, id } = yield* claimed(store, { maxCrashes: 1, suspects: "pass over" })
            assert.strictEqual(attempt, i)
            yield* store.leave("one")
            assert.strictEqual((yield* only(store, id)).state, "queued")
          }))
          assert.deepStrictEqual(yield* store.runners, [])
        }
      }))

    promise(
      "knows which runners live, by the Scope they were enrolled in, and enters a living one that is missing",
      (store) =>
        Effect.gen(function*() {
          yield* store.enroll(runner("one"))
          yield* Effect.scoped(store.enroll(runner("two")))
          const all = yield* store.runners
          assert.sameMembers(all.map(({ id }) => id), ["one", "two"])
          for (const one of all) assert.strictEqual(yield* store.isDead(one), one.id === "two")
          yield* store.bury("one")
          yield* store.bury("two")
          yield* store.runners
          assert.deepStrictEqual(yield* store.runners, [runner("one")])
        })
    )

    promise(
      "queues the jobs of a runner that is buried, each with a higher fence, and cancels those that were to be",
      (store) =>
        Effect.gen(function*() {
          yield* Effect.scoped(store.enroll(runner("one")))
          for (let i = 0; i < 3; i++) yield* store.insert(job())
          const first = yield* claimed(store)
          const second = yield* claimed(store)
          const third = yield* claimed(store)
          yield* store.requestCancel(second.id)
          yield* store.setWaiting(third, true)
          const bequests = yield* store.bury("one")
          assert.deepStrictEqual(
            bequests.map(({ isCharged, state }) => [state, isCharged]),
            [["queued", false], ["cancelled", false], ["queued", false]]
          )
          assert.deepStrictEqual(yield* store.bury("one"), [])
          for (const { fence, id } of [first, third]) {
            const again = yield* claimed(store, { runner: "two", suspects: "pass over" })
            assert.strictEqual(again.id, id)
            assert.isAbove(again.fence, fence)
            assert.strictEqual(again.attempt, 2)
          }
        })
    )

    const dieOver = (store: Store, use: (job: ClaimedJob) => Effect.Effect<unknown, JobError> = () => Effect.void) =>
      Effect.gen(function*() {
        yield* elapse(tooLong)
        yield* store.awaken
        const taken = yield* claimed(store, { runner: "r" })
        yield* use(taken)
        const [bequest] = yield* store.bury("r")
        return { taken, bequest }
      })

    promise(
      "charges a job with a death that it alone can have caused: it waits longer each time, and fails",
      (store) =>
        Effect.gen(function*() {
          const { job: { id } } = yield* store.insert(job())
          const pauses: Array<number> = []
          for (let i = 0; i < 3; i++) {
            const { bequest, taken } = yield* dieOver(store)
            assert.strictEqual(taken.isAlone, i > 0)
            assert.isTrue(bequest?.isCharged)
            const { startsAt, updatedAt } = yield* only(store, id)
            pauses.push((startsAt ?? 0) - updatedAt)
            assert.strictEqual((yield* store.claim(request()))._tag, "Nothing")
            yield* elapse(pauses[i] ?? 0)
          }
          assert.deepStrictEqual(pauses, [1000, 2000, 4000])
          yield* store.awaken
          assert.deepStrictEqual(yield* store.claim(request()), { _tag: "Settled", id, state: "failed" })
          assert.strictEqual((yield* only(store, id)).failure?.kind, "crashes")
        })
    )

    promise("forgets the deaths over a job when it has completed a step", (store) =>
      Effect.gen(function*() {
        const { job: { id } } = yield* store.insert(job())
        yield* dieOver(store)
        yield* elapse(1000)
        yield* dieOver(store, (hold) => store.commitStep(hold, "s", undefined, false))
        const { startsAt, updatedAt } = yield* only(store, id)
        assert.strictEqual((startsAt ?? 0) - updatedAt, 1000)
      }))

    promise(
      "charges nobody with a death among several, and has them tried alone after a second one",
      (store) =>
        Effect.gen(function*() {
          for (let i = 0; i < 2; i++) yield* store.insert(job())
          for (let i = 0; i < 2; i++) {
            yield* claimed(store, { suspects: "pass over" })
            yield* claimed(store, { suspects: "pass over" })
            const bequests = yield* store.bury("one")
            assert.deepStrictEqual(bequests.map(({ isCharged }) => isCharged), [false, false])
          }
          yield* elapse(1000)
          yield* store.awaken
          assert.strictEqual((yield* store.claim(request({ suspects: "pass over" })))._tag, "Nothing")
          assert.strictEqual((yield* store.claim(request({ suspects: "wait for" })))._tag, "Suspect")
          const alone = yield* claimed(store)
          assert.isTrue(alone.isAlone)
          // Another one beside it is not charged with what the suspect does.
          yield* store.insert(job())
          yield* claimed(store, { suspects: "pass over" })
          assert.deepStrictEqual((yield* store.bury("one")).map(({ isCharged }) => isCharged), [true, false])
        })
    )

    promise("charges the one that did something, not those that only waited", (store) =>
      Effect.gen(function*() {
        for (let i = 0; i < 2; i++) yield* store.insert(job())
        const first = yield* claimed(store)
        yield* claimed(store)
        yield* store.setWaiting(first, true)
        assert.deepStrictEqual((yield* store.bury("one")).map(({ isCharged }) => isCharged), [false, true])
        assert.isFalse((yield* claimed(store)).isAlone)
      }))

    promise(
      "gives the key of a job that failed or was cancelled to a new one when it is wanted again",
      (store) =>
        Effect.gen(function*() {
          const first = (yield* store.insert(job({ key: "k" }))).job.id
          assert.strictEqual((yield* store.insert(job({ key: "k", again: true }))).job.id, first)
          yield* store.requestCancel(first)
          assert.strictEqual((yield* store.insert(job({ key: "k" }))).job.id, first)
          const again = yield* store.insert(job({ key: "k", again: true }))
          assert.isTrue(again.isNew)
          assert.strictEqual((yield* only(store, first)).state, "cancelled")
          assert.strictEqual((yield* store.insert(job({ key: "k" }))).job.id, again.job.id)
          yield* store.enroll(runner("one"))
          yield* store.finish(yield* claimed(store), { state: "succeeded", result: "1" })
          assert.isFalse((yield* store.insert(job({ key: "k", again: true }))).isNew)
        })
    )

    promise(
      "keeps a job for its time, and fails one that is past its deadline in the queue",
      (store) =>
        Effect.gen(function*() {
          const { job: late } = yield* store.insert(job({ delayMillis: 1000 }))
          const { job: short } = yield* store.insert(job({ delayMillis: 5000, deadlineMillis: 1000 }))
          assert.strictEqual(late.startsAt, late.createdAt + 1000)
          assert.strictEqual(short.deadlineAt, short.createdAt + 1000)
          assert.deepStrictEqual(yield* store.awaken, [])
          assert.strictEqual((yield* store.claim(request()))._tag, "Nothing")
          yield* elapse(1000)
          assert.deepStrictEqual(yield* store.awaken, [{ id: short.id, kind: "scan" }])
          assert.strictEqual((yield* only(store, short.id)).failure?.kind, "deadline")
          assert.strictEqual((yield* claimed(store)).id, late.id)
        })
    )

    promise(
      "keeps the time that an alarm was set to first, and an answer until it is asked again",
      (store) =>
        Effect.gen(function*() {
          yield* store.insert(job())
          const hold = yield* claimed(store)
          assert.strictEqual(yield* store.setAlarm(hold, "nap", 500), 500)
          assert.strictEqual(yield* store.setAlarm(hold, "nap", 900), 500)
          const question = { name: "name", message: "Your name?", schema: { type: "string" } }
          assert.isFalse(yield* store.answer(hold.id, "name", `"x"`))
          assert.strictEqual(yield* store.ask(hold, question), "asked")
          assert.deepStrictEqual((yield* only(store, hold.id)).question, question)
          assert.deepStrictEqual((yield* store.held("one")).map(({ question }) => question), ["name"])
          assert.isFalse(yield* store.answer(hold.id, "other", `"x"`))
          // Also while it is in the queue.
          yield* store.release(hold)
          assert.isTrue(yield* store.answer(hold.id, "name", `"Ann"`))
          assert.isFalse(yield* store.answer(hold.id, "name", `"Bob"`))
          assert.isUndefined((yield* only(store, hold.id)).question)
          assert.deepInclude(yield* store.step(hold.id, "name"), { _tag: "Begun", value: `"Ann"` })
          const next = yield* claimed(store)
          assert.strictEqual(yield* store.ask(next, question, `"Ann"`), "asked")
          assert.isUndefined(yield* store.step(hold.id, "name"))
        })
    )

    promise(
      "keeps an answer that its asker has not seen: the question is not asked again",
      (store) =>
        Effect.gen(function*() {
          yield* store.insert(job())
          const first = yield* claimed(store)
          const question = { name: "name", message: "Your name?", schema: { type: "string" } }
          yield* store.ask(first, question)
          yield* store.release(first)
          const second = yield* claimed(store)
          assert.isUndefined((yield* store.step(second.id, "name"))?.value)
          // Between the look and the question.
          assert.isTrue(yield* store.answer(second.id, "name", `"Ann"`))
          assert.strictEqual(yield* store.ask(second, question), "answered")
          assert.deepInclude(yield* store.step(second.id, "name"), { _tag: "Begun", value: `"Ann"` })
          assert.isUndefined((yield* only(store, second.id)).question)
          assert.strictEqual(yield* store.ask(second, question, `"Bob"`), "answered")
          assert.isUndefined(yield* store.ask(first, question, `"Ann"`))
          assert.deepInclude(yield* store.step(second.id, "name"), { value: `"Ann"` })
        })
    )

    promise(
      "ends a job whose steps are to be undone only when a runner has undone them",
      (store) =>
        Effect.gen(function*() {
          const { job: { id } } = yield* store.insert(job())
          const first = yield* claimed(store)
          yield* store.commitStep(first, "s", "1", true)
          assert.deepInclude(yield* store.step(id, "s"), { _tag: "Done", compensation: "due" })
          yield* store.release(first)
          assert.isFalse(yield* store.requestCancel(id))
          assert.deepInclude(yield* only(store, id), { state: "queued", isCancelling: true })
          const second = yield* claimed(store)
          assert.deepStrictEqual(second.ending, { state: "cancelled" })
          yield* store.bury("one")
          yield* elapse(1000)
          yield* store.awaken
          const third = yield* claimed(store)
          assert.isTrue(yield* store.commitCompensation(third, "s"))
          assert.deepInclude(yield* store.step(id, "s"), { compensation: "done" })
          yield* store.release(third)
          assert.strictEqual((yield* only(store, id)).state, "cancelled")
        })
    )

    promise(
      "has a job undone that is past its deadline in the queue, before it fails with it",
      (store) =>
        Effect.gen(function*() {
          const { job: { id } } = yield* store.insert(job({ deadlineMillis: 100 }))
          const hold = yield* claimed(store)
          yield* store.commitStep(hold, "s", "1", true)
          yield* store.release(hold)
          yield* elapse(tooLong)
          assert.deepStrictEqual(yield* store.awaken, [])
          assert.strictEqual((yield* only(store, id)).state, "queued")
          const { ending } = yield* claimed(store)
          assert.strictEqual(ending?.state === "failed" && ending.failure.kind, "deadline")
        })
    )

    promise(
      "fails a job over whose undoing its runners die too often",
      (store) =>
        Effect.gen(function*() {
          const { job: { id } } = yield* store.insert(job())
          const first = yield* claimed(store)
          yield* store.commitStep(first, "s", "1", true)
          yield* store.requestCancel(id)
          yield* store.bury("one")
          for (let i = 1; i < 3; i++) {
            yield* elapse(60_000)
            yield* store.awaken
            assert.deepStrictEqual((yield* claimed(store)).ending, { state: "cancelled" })
            yield* store.bury("one")
          }
          yield* elapse(60_000)
          yield* store.awaken
          assert.deepStrictEqual(yield* store.claim(request()), { _tag: "Settled", id, state: "failed" })
          assert.strictEqual((yield* only(store, id)).failure?.kind, "crashes")
        })
    )

    promise("keeps a job for its time however short that is", (store) =>
      Effect.gen(function*() {
        const { job: { createdAt, startsAt } } = yield* store.insert(job({ delayMillis: 1 }))
        assert.strictEqual(startsAt, createdAt + 1)
      }))

    promise(
      "gives a job that is run again the turn of a new one: others that wait are not passed over for it",
      (store) =>
        Effect.gen(function*() {
          const { job: old } = yield* store.insert(job())
          const cancelled = yield* claimed(store)
          yield* store.finish(cancelled, { state: "cancelled" })
          for (let i = 0; i < 6; i++) yield* store.insert(job({ owner: "bob" }))
          for (let i = 0; i < 3; i++) yield* claimed(store)
          yield* store.retry(old.id, `again-${old.id}`, undefined)
          assert.strictEqual((yield* claimed(store)).owner, "bob")
          assert.strictEqual((yield* claimed(store)).owner, "alice")
        })
    )

    promise(
      "goes on with owners' turns after a job is run again while nothing else waited",
      (store) =>
        Effect.gen(function*() {
          for (let i = 0; i < 2; i++) yield* store.insert(job())
          const old = [yield* claimed(store), yield* claimed(store)]
          for (const hold of old) yield* store.finish(hold, { state: "cancelled" })
          for (const { id } of old) yield* store.retry(id, `again-${id}`, undefined)
          yield* store.insert(job({ owner: "bob" }))
          const owners: Array<string> = []
          for (let i = 0; i < 3; i++) owners.push((yield* claimed(store)).owner)
          assert.deepStrictEqual(owners, ["alice", "bob", "alice"])
        })
    )

    promise("keeps what a job is to end with for the runner that goes on with it", (store) =>
      Effect.gen(function*() {
        yield* store.insert(job({ deadlineMillis: 1 }))
        const hold = yield* claimed(store)
        yield* store.commitStep(hold, "s", "1", true)
        const ending = { state: "failed", failure: { kind: "error", message: "no" } } as const
        assert.isTrue(yield* store.beginEnding(hold, ending))
        yield* store.release(hold)
        yield* elapse(tooLong)
        assert.deepStrictEqual(yield* store.awaken, [])
        assert.deepStrictEqual((yield* claimed(store)).ending, ending)
      }))

    promise("does with jobs of an older version what the kind says", (store) =>
      Effect.gen(function*() {
        yield* store.enroll(runner("one"))
        const begin = (step: string, isUnsafe: boolean) =>
          Effect.gen(function*() {
            const { job: { id } } = yield* store.insert(job())
            const hold = yield* claimed(store)
            if (isUnsafe) yield* store.beginStep(hold, step)
            yield* store.commitStep(hold, step, "1", false)
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
      "runs a job again with the steps that are done, up to the one that is wanted or was undone",
      (store) =>
        Effect.gen(function*() {
          yield* store.insert(job({ key: "k", owner: "bob", payload: `{"path":"/x"}` }))
          const old = yield* claimed(store)
          assert.isUndefined(yield* store.retry(old.id, "early", undefined))
          yield* store.beginStep(old, "one")
          yield* store.commitStep(old, "one", "1", false)
          yield* store.setAlarm(old, "nap", 5)
          yield* store.commitStep(old, "two", "2", true)
          yield* store.commitStep(old, "three", "3", true)
          assert.deepStrictEqual(yield* store.steps(old.id), ["one", "two", "three"])
          yield* store.commitCompensation(old, "three")
          yield* store.finish(old, { state: "failed", failure: { kind: "error", message: "no" } })
          const again = yield* store.retry(old.id, "again", undefined)
          assert.deepInclude(again, { id: "again", owner: "bob", state: "queued", attempt: 0, failure: undefined })
          assert.deepStrictEqual(yield* store.steps("again"), ["one", "two"])
          assert.deepInclude(yield* store.step("again", "two"), { _tag: "Done", value: "2", compensation: "due" })
          // The key is the new one's, and the old one stays as it is.
          assert.strictEqual((yield* store.insert(job({ key: "k", owner: "bob" }))).job.id, "again")
          assert.strictEqual((yield* only(store, old.id)).state, "failed")
          yield* store.retry(old.id, "from two", "two")
          assert.deepStrictEqual(yield* store.steps("from two"), ["one"])
          yield* store.retry(old.id, "from one", "one")
          assert.deepStrictEqual(yield* store.steps("from one"), [])
          assert.strictEqual((yield* claimed(store)).payload, `{"path":"/x"}`)
          assert.isUndefined(yield* store.retry("nobody", "x", undefined))
        })
    )

    promise("lists the jobs of all owners when none is named", (store) =>
      Effect.gen(function*() {
        for (const owner of ["a", "b"]) yield* store.insert(job({ owner }))
        const all = yield* store.list({ owner: undefined, kind: undefined, states: undefined, limit: 10 })
        assert.deepStrictEqual(all.map(({ owner }) => owner), ["b", "a"])
      }))

    promise("counts what waits of a kind, and how long the oldest has", (store) =>
      Effect.gen(function*() {
        yield* store.enroll(runner("one"))
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
        yield* store.enroll(runner("one"))
        const { job: { id } } = yield* store.insert(job({ key: "k" }))
        assert.isFalse(yield* store.remove(id))
        const hold = yield* claimed(store)
        assert.isFalse(yield* store.remove(id))
        yield* store.commitStep(hold, "s", "1", false)
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
        while (yield* store.clean(tooLong - 100)) yield* Effect.yieldNow
        assert.deepStrictEqual(yield* store.read([old.id]), [])
        assert.isDefined((yield* store.read([young]))[0])
        assert.strictEqual((yield* claimed(store)).owner, "alice")
      }))
  })
}
