import { assert, describe, it } from "@effect/vitest"
import * as Job from "@holdfast/jobs/Job"
import * as Jobs from "@holdfast/jobs/Jobs"
import * as Runner from "@holdfast/jobs/Runner"
import * as SqliteStore from "@holdfast/jobs/SqliteStore"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as childProcess from "node:child_process"
import * as fs from "node:fs"
import { fileURLToPath } from "node:url"
import { temporaryFile } from "./support/temporaryFile.ts"

const program = fileURLToPath(new URL("../src/main.ts", import.meta.url))

/** Runs `holdfast-jobs`. */
const command = (...args: ReadonlyArray<string>) =>
  Effect.callback<{ readonly code: number; readonly out: string; readonly err: string }>((resume) => {
    childProcess.execFile(process.execPath, [program, ...args], (error, out, err) => {
      const code = error === null ? 0 : typeof error.code === "number" ? error.code : -1
      resume(Effect.succeed({ code, out: out.trim(), err: err.trim() }))
    })
  })

const Work = Job.make("work", {
  version: 1,
  payload: { name: Schema.String },
  success: Schema.String,
  error: Schema.String
})

describe("holdfast-jobs", () => {
  it.live("lists, shows, retries, cancels and removes the jobs of a file, beside a program that runs them", () =>
    Effect.scoped(Effect.gen(function*() {
      const file = yield* temporaryFile("jobs.db")
      let isBroken = true
      const live = Runner.toLayer(Work, ({ name }, job) =>
        Effect.gen(function*() {
          yield* job.step("look", Effect.succeed(name))
          if (name === "endless") return yield* Effect.never
          if (isBroken) return yield* Effect.fail("the disk is gone")
          return name
        }))
      yield* Effect.gen(function*() {
        const jobs = yield* Jobs.Jobs
        const at = ["--store", file]
        const failed = yield* jobs.start(Work, { name: "a" })
        yield* Stream.runDrain(jobs.progress(failed))
        const endless = yield* jobs.start(Work, { name: "endless" })

        const list = yield* command("list", ...at, "--state", "failed")
        assert.match(list.out, new RegExp(`^${failed}  work  failed  .*the disk is gone$`))
        const all = JSON.parse((yield* command("list", ...at, "--json")).out) as ReadonlyArray<{ readonly id: string }>
        assert.deepStrictEqual(all.map(({ id }) => id), [endless, failed])
        const show = yield* command("show", failed, ...at)
        assert.include(show.out, "done: look")

        isBroken = false
        const retried = yield* command("retry", failed, ...at)
        const last = yield* Stream.runCollect(jobs.progress(retried.out))
        assert.strictEqual(last.at(-1)?.state, "succeeded")
        const done = yield* command("show", retried.out, ...at)
        assert.match(done.out, new RegExp(`^${retried.out}  work  succeeded  \\S+  local\\nended: \\S+\\ndone: look$`))
        const refused = yield* command("retry", retried.out, ...at)
        assert.deepStrictEqual([refused.code, refused.out], [1, ""])
        assert.match(refused.err, /^holdfast-jobs: job .* has succeeded: it is not run again$/)

        assert.strictEqual((yield* command("remove", endless, ...at)).code, 1)
        assert.strictEqual((yield* command("cancel", endless, ...at)).code, 0)
        yield* Stream.runDrain(jobs.progress(endless))
        assert.strictEqual((yield* jobs.status(endless)).state, "cancelled")
        assert.strictEqual((yield* command("remove", endless, ...at)).out, "removed")
        assert.strictEqual((yield* command("show", endless, ...at)).code, 1)
      }).pipe(Effect.provide(live.pipe(Layer.provide(SqliteStore.layer(file)))))
      assert.isFalse(fs.existsSync(`${file}-runners`))
    })))

  it.live("makes no store where there is none, and says so", () =>
    Effect.scoped(Effect.gen(function*() {
      const file = yield* temporaryFile("none.db")
      const { code, err } = yield* command("list", "--store", file)
      assert.strictEqual(code, 1)
      assert.match(
        err,
        /^holdfast-jobs: job store .*none.db: could not open it: there is no such file, and none is made/
      )
      assert.isFalse(fs.existsSync(file))
    })))
})
