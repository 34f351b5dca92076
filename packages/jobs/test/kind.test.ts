/** What a program says of a kind of job, and the words for what goes wrong. */
import { assert, describe, it } from "@effect/vitest"
import * as Job from "@holdfast/jobs/Job"
import { JobDataTooLarge, JobNotFinished } from "@holdfast/jobs/JobError"
import * as Reasons from "@holdfast/jobs/JobError"
import * as JobPolicy from "@holdfast/jobs/JobPolicy"
import * as JobStatus from "@holdfast/jobs/JobStatus"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as JsonText from "../src/internal/JsonText.ts"
import { pauseAfter } from "../src/internal/local/Store.ts"

const options = { version: 1, payload: {}, success: Schema.Void } as const

describe("a kind of job", () => {
  it("has a name for tools: up to 40 lower case letters, digits and underscores", () => {
    for (const name of ["", "Scan", "2scan", "a-b", "a".repeat(41)]) {
      assert.throws(() => Job.make(name, options), `job kind "${name}": a name is up to 40`)
    }
    assert.strictEqual(Job.make("a".repeat(39), options).toolNames.run, `run_${"a".repeat(39)}`)
  })

  it("has numbers that are whole and above 0, and the one that is not is named", () => {
    for (const option of ["version", "concurrency", "maxQueued", "maxCrashes", "maxDataBytes"]) {
      for (const number of [0, -1, 1.5, Number.NaN]) {
        assert.throws(
          () => Job.make("scan", { ...options, [option]: number }),
          `job kind "scan": ${option} must be a whole number above 0, got ${number}`
        )
      }
    }
  })

  it("has the defaults that are documented", () => {
    assert.deepInclude(Job.make("scan", options), {
      concurrency: undefined,
      maxQueued: 10_000,
      maxCrashes: 10,
      maxDataBytes: 4 * 1024 * 1024,
      priority: 0,
      deadline: undefined,
      onOldVersion: "restart"
    })
    assert.deepInclude(JobPolicy.make(), { name: "jobs", concurrency: Number.POSITIVE_INFINITY })
  })
})

describe("the words for a job", () => {
  it("that is not finished say whether it waits, or how far it is, rounded down", () => {
    const words = (state: "queued" | "running") => new JobNotFinished({ id: "1", state, percent: 12.7 }).message
    assert.include(words("queued"), "job 1 waits for its turn;")
    assert.include(words("running"), "job 1 is running, 12 % done;")
  })

  it("are of reasons that bear their own names in schemas", () => {
    const reasons = Object.entries(Reasons).flatMap(([name, it]) => "identifier" in it ? [[name, it.identifier]] : [])
    assert.isAtLeast(reasons.length, 10)
    for (const [name, identifier] of reasons) {
      if (name !== "JobError") assert.strictEqual(identifier, `@holdfast/jobs/JobError/${name}`)
    }
  })

  it("whose answer is too large name the answer", () => {
    const { message } = new JobDataTooLarge({ kind: "scan", part: "answer", bytes: 9, limit: 8 })
    assert.include(message, "scan: the answer has 9 bytes as JSON, the limit is 8")
  })

  it("that could not be undone are among those that a client may read", () => {
    const failure = { kind: "compensation", message: "one step could not be undone" }
    assert.deepStrictEqual(Schema.decodeUnknownSync(JobStatus.JobFailure)(failure), failure)
  })

  it.effect("that cannot be kept name the place in it, in one line", () =>
    Effect.gen(function*() {
      const place = (value: unknown) => Effect.map(Effect.flip(JsonText.encodePlain(value)), ({ expected }) => expected)
      assert.strictEqual(yield* place({ a: [1, Number.NaN] }), "value.a[1] is NaN, which is not JSON")
      const schema = Schema.Struct({ a: Schema.Int, b: Schema.Int })
      const { expected } = yield* Effect.flip(JsonText.decode(schema, `{"a":1,"b":"x"}`))
      assert.include(expected, `["b"]`)
      assert.notInclude(expected, "\n")
    }))
})

describe("the pause of a job that may have killed its process", () => {
  it("doubles from a second to a minute, and no further", () => {
    const pauses = Array.from({ length: 8 }, (_, crashes) => pauseAfter({ crashes, suspicions: 0 }) / 1000)
    assert.deepStrictEqual(pauses, [0, 1, 2, 4, 8, 16, 32, 60])
  })
})
