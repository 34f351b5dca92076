/** A scan as a job, of a tree that is made up. */
import { assert, describe, it } from "@effect/vitest"
import * as Jobs from "@holdfast/jobs/Jobs"
import * as MemoryStore from "@holdfast/jobs/MemoryStore"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as ScanJob from "../src/ScanJob.ts"
import * as Scanner from "../src/Scanner.ts"

describe("a scan", () => {
  it.live("says how far it is by what its batches hold, and sets aside what is known", () =>
    Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      // Opening a file counts as much as reading 4 KiB.
      const batches = [{ paths: ["a"], bytes: 0 }, { paths: ["b"], bytes: 8192 }]
      const found = (path: string): Scanner.BatchResult => ({
        ...Scanner.sum([]),
        files: 1,
        findings: [{ rule: "own", severity: "low", path, line: 1, column: 1, excerpt: "", fingerprint: path }]
      })
      const scanner = Layer.succeed(Scanner.Scanner, {
        threads: 1,
        resolve: () => Effect.succeed("/root"),
        plan: () => Effect.succeed({ batches, notRead: [{ path: "locked", reason: "no permission" }] }),
        scan: (_, { paths: [path = ""] }) => Effect.as(path === "a" ? Effect.void : Deferred.await(gate), found(path)),
        history: () => Effect.succeed(found("past"))
      })
      yield* Effect.gen(function*() {
        const jobs = yield* Jobs.Jobs
        const id = yield* jobs.start(ScanJob.Scan, { path: ".", history: true })
        const statuses = jobs.progress(id)
        const half = yield* Stream.runHead(Stream.filter(statuses, ({ percent }) => (percent ?? 0) > 0))
        const { data, message, percent } = Option.getOrThrow(half)
        assert.deepStrictEqual([percent, message], [25, "1 files, 0 findings, 1 not read"])
        assert.deepStrictEqual(data, { files: 1, findings: 0, notRead: 1 })
        yield* Deferred.succeed(gate, undefined)
        const last = Option.getOrThrow(yield* Stream.runLast(statuses))
        assert.deepStrictEqual([last.state, last.percent, last.message], [
          "succeeded",
          100,
          "2 files, 2 findings, 1 not read"
        ])
        const { findings, known, total } = yield* jobs.result(ScanJob.Scan, id)
        assert.deepStrictEqual([findings.map(({ path }) => path), known, total], [["b", "past"], 1, 2])
      }).pipe(
        Effect.provide(
          ScanJob.layer(new Set(["a"])).pipe(
            Layer.provideMerge(Jobs.layer),
            Layer.provide([MemoryStore.layer, scanner])
          )
        )
      )
    }))
})
