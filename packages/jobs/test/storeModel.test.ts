import { assert, describe, it } from "@effect/vitest"
import type { JobError } from "@holdfast/jobs/JobError"
import { isEnded } from "@holdfast/jobs/JobState"
import { edges } from "@holdfast/jobs/JobState"
import { SeededRandom } from "@holdfast/testkit"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/testing/TestClock"
import type { ClaimRequest, Hold, Outcome, Store, Unsuccessful } from "../src/internal/local/Store.ts"
import type { StoredJob } from "../src/internal/StoredJob.ts"
import { Rows } from "./support/Rows.ts"

/** One operation, drawn once and done on both stores. */
interface Operation {
  readonly name: string
  readonly run: (store: Store) => Effect.Effect<unknown, JobError>
}

const kinds = ["scan", "count"] as const
const owners = ["alice", "bob", "carol"] as const
const runners = ["one", "two", "three"] as const
const steps = ["a", "b", "c"] as const

/** Draws what happens next, given the jobs and holds that there ever were. */
const draw = (random: SeededRandom.SeededRandom, ids: Array<string>, holds: Array<Hold>): Operation => {
  const kind = random.pick(kinds)
  const owner = random.pick(owners)
  const runner = random.pick(runners)
  const step = random.pick(steps)
  const id = ids[random.int(0, ids.length)] ?? "nobody"
  const hold = holds[random.int(Math.max(0, holds.length - 8), holds.length)] ?? { id, fence: 1 }
  const percent = random.int(0, 100)
  const request = {
    runner,
    kind,
    version: random.int(1, 3),
    onOldVersion: random.pick<"finish" | "restart" | "fail">(["finish", "restart", "fail"]),
    maxCrashes: 3,
    suspects: random.pick<ClaimRequest["suspects"]>(["take", "pass over", "wait for"])
  } as const
  const newId = `job ${ids.length}`
  const version = random.int(1, 2)
  const key = random.chance(0.3) ? random.pick(["k", "l"]) : undefined
  const again = random.chance(0.5)
  const delayMillis = random.chance(0.2) ? random.int(1, 5000) : 0
  const deadlineMillis = random.chance(0.2) ? random.int(1, 9000) : undefined
  const isCompensable = random.chance(0.3)
  const isWaiting = random.chance(0.5)
  const ending = random.pick<Unsuccessful>([{ state: "cancelled" }, {
    state: "failed",
    failure: { kind: "defect", message: "no" }
  }])
  const question = { name: step, message: "?", schema: {} }
  const outcome = random.pick<Outcome>([
    { state: "succeeded", result: `${percent}` },
    { state: "failed", failure: { kind: "defect", message: "no" } },
    { state: "cancelled" }
  ])
  const operations: readonly [Operation, ...Array<Operation>] = [
    {
      name: `insert ${newId} of ${owner}`,
      run: (store) =>
        store.insert({
          id: newId,
          kind,
          version,
          owner,
          key,
          payload: "{}",
          maxQueued: 4,
          again,
          delayMillis,
          deadlineMillis
        })
    },
    { name: `claim for ${runner}`, run: (store) => store.claim(request) },
    { name: `claim for ${runner} once more`, run: (store) => store.claim(request) },
    { name: `claim again for ${runner}`, run: (store) => store.claim(request) },
    { name: `bury ${runner}`, run: (store) => store.bury(runner) },
    { name: "awaken", run: (store) => Effect.map(store.awaken, byId) },
    { name: `wait ${isWaiting}`, run: (store) => store.setWaiting(hold, isWaiting) },
    { name: `ask ${step}`, run: (store) => store.ask(hold, question) },
    { name: `ask ${step} again`, run: (store) => store.ask(hold, question, `${percent}`) },
    { name: `answer ${step} of ${id}`, run: (store) => store.answer(id, step, `${percent}`) },
    { name: `answer ${step}`, run: (store) => store.answer(hold.id, step, `${percent}`) },
    { name: `alarm ${step}`, run: (store) => store.setAlarm(hold, step, percent) },
    { name: `end as ${ending.state}`, run: (store) => store.beginEnding(hold, ending) },
    { name: `undo ${step}`, run: (store) => store.commitCompensation(hold, step) },
    { name: "check", run: (store) => store.check(hold) },
    { name: `begin ${step}`, run: (store) => store.beginStep(hold, step) },
    { name: `commit ${step}`, run: (store) => store.commitStep(hold, step, `${percent}`, isCompensable) },
    { name: `commit ${step} too`, run: (store) => store.commitStep(hold, step, undefined, isCompensable) },
    { name: `step ${step} of ${id}`, run: (store) => store.step(id, step) },
    { name: `report ${percent}`, run: (store) => store.report([{ ...hold, percent, message: "m", data: undefined }]) },
    { name: "finish", run: (store) => store.finish(hold, outcome) },
    { name: "release", run: (store) => store.release(hold) },
    { name: `cancel ${id}`, run: (store) => store.requestCancel(id) },
    { name: `remove ${id}`, run: (store) => store.remove(id) },
    { name: `result of ${id}`, run: (store) => store.result(id) },
    { name: `list of ${owner}`, run: (store) => store.list({ owner, kind, states: undefined, limit: 5 }) },
    { name: `held by ${runner}`, run: (store) => Effect.map(store.held(runner), byId) },
    { name: `backlog of ${kind}`, run: (store) => store.backlog(kind) },
    ...random.chance(0.2)
      ? [
        { name: `leave ${runner}`, run: (store: Store) => store.leave(runner) },
        { name: "clean", run: (store: Store) => Effect.repeat(store.clean(20_000), { while: (isMore) => isMore }) }
      ]
      : []
  ]
  return random.pick(operations)
}

const byId = <A extends { readonly id: string }>(all: ReadonlyArray<A>) =>
  all.map(({ id, ...rest }) => ({ id, ...rest })).toSorted((a, b) => a.id < b.id ? -1 : 1)

/** What holds between two moments of one job, whatever happened between them. */
const checkStep = (before: StoredJob, after: StoredJob): void => {
  if (isEnded(before.state)) assert.deepStrictEqual(after, before)
  if (before.state !== after.state) {
    const isLegal = edges[before.state].includes(after.state) ||
      // Taken over: through the queue, in one transaction.
      edges[before.state].some((between) => edges[between].includes(after.state))
    assert.isTrue(isLegal, `${before.state} to ${after.state}`)
    assert.isAbove(after.fence, before.fence, "who moves a job takes it from everybody else")
  }
  assert.isAtLeast(after.fence, before.fence)
  if (after.version === before.version) assert.isAtLeast(after.percent, before.percent)
  const { revision: _before, ...old } = before
  const { revision: _after, ...young } = after
  if (JSON.stringify(old) !== JSON.stringify(young)) assert.isAbove(after.revision, before.revision)
}

const outcomeOf = (effect: Effect.Effect<unknown, JobError>) =>
  Effect.match(effect, { onFailure: ({ reason }) => reason._tag, onSuccess: (value) => value })

/** How much a revision grows with a change is a store's own affair. */
const comparable = (value: unknown): unknown =>
  JSON.parse(JSON.stringify({ value }, (key, item) => key === "revision" ? undefined : item))

describe("whatever happens", () => {
  it.effect("SQLite answers as memory does, jobs go legal ways only, and an ended job stays as it is", () =>
    Effect.scoped(Effect.gen(function*() {
      let claims = 0
      for (let seed = 1; seed <= 15; seed++) {
        const random = SeededRandom.make(seed)
        const memory = Context.get(yield* Layer.build(Layer.fresh(Rows.layerMemory)), Rows)
        const sqlite = Context.get(yield* Layer.build(Rows.layerSqlite(":memory:")), Rows)
        const ids: Array<string> = []
        const holds: Array<Hold> = []
        const trace: Array<string> = []
        let before = new Map<string, StoredJob>()
        for (let count = 0; count < 300; count++) {
          if (random.chance(0.2)) yield* TestClock.adjust(random.int(1, 2000))
          const { name, run } = draw(random, ids, holds)
          trace.push(name)
          const expected = yield* outcomeOf(run(memory))
          const actual = yield* outcomeOf(run(sqlite))
          const said = () => `seed ${seed}: ${trace.slice(-12).join(", ")}`
          assert.deepStrictEqual(comparable(actual), comparable(expected), said())
          if (name.startsWith("insert")) ids.push(`job ${ids.length}`)
          if (typeof actual === "object" && actual !== null && "job" in actual && name.startsWith("claim")) {
            // A claim that has a job has one of these.
            const { fence, id } = actual.job as StoredJob
            holds.push({ id, fence })
            claims++
          }
          const seen = byId(yield* sqlite.read(ids))
          assert.deepStrictEqual(comparable(seen), comparable(byId(yield* memory.read(ids))), said())
          const after = new Map(seen.map((job) => [job.id, job]))
          for (const [id, job] of after) {
            const old = before.get(id)
            if (old !== undefined) checkStep(old, job)
          }
          before = after
        }
      }
      assert.isAbove(claims, 100)
    })))
})
