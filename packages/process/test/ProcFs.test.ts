import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import * as path from "node:path"
import process from "node:process"
import * as Escapees from "../src/internal/Escapees.ts"
import * as ProcFs from "../src/internal/ProcFs.ts"
import type * as Tag from "../src/internal/Tag.ts"
import * as TagWalk from "../src/internal/TagWalk.ts"
import * as SupervisedProcess from "../src/SupervisedProcess.ts"
import * as Bystander from "./support/Bystander.ts"
import { awaitOutput } from "./support/Child.ts"
import * as TemporaryFolder from "./support/TemporaryFolder.ts"

describe("what the process table tells", () => {
  it.live("a tag is the value of the variable, whatever stands before and after it", () =>
    Effect.gen(function*() {
      const tag: Tag.Tag = { runtime: Bystander.runtimeId(), number: 7, policy: "kill" }
      const text = `${tag.runtime}.7.kill`
      const big = Object.fromEntries(Array.from({ length: 4 }, (_, index) => [`BIG${index}`, "x".repeat(30_000)]))
      const bearers: ReadonlyArray<Record<string, string>> = [
        { HOLDFAST_TAG: text },
        { FIRST: "HOLDFAST_TAG=no", HOLDFAST_TAG: text, LAST: "" },
        { ...big, HOLDFAST_TAG: text }
      ]
      for (const env of bearers) assert.deepStrictEqual(ProcFs.tagOf((yield* Bystander.start(env)).pid), tag)
      const decoys: ReadonlyArray<Record<string, string>> = [
        { NOTE: `HOLDFAST_TAG=${text}` },
        { NOTE: `a\nHOLDFAST_TAG=${text}` },
        { MY_HOLDFAST_TAG: text },
        { HOLDFAST_TAG: `${text}er` },
        { HOLDFAST_TAG: `x${text}` },
        { HOLDFAST_TAG: text.slice(1) },
        { HOLDFAST_TAG: `${tag.runtime}.0.kill` },
        { HOLDFAST_TAG: `${tag.runtime}.7.all` },
        { HOLDFAST_TAG: "" },
        { ...big }
      ]
      for (const env of decoys) assert.strictEqual(ProcFs.tagOf((yield* Bystander.start(env)).pid), "None")
    }))

  it.live("a name with blanks and parentheses is no obstacle", () =>
    Effect.gen(function*() {
      const command = path.join(yield* TemporaryFolder.make, "a) Z 1 (b")
      fs.copyFileSync("/bin/cat", command)
      fs.chmodSync(command, 0o755)
      const child = yield* SupervisedProcess.spawn({ command, args: [] })
      const stat = ProcFs.stat(child.pid)
      assert.deepInclude(stat, { parent: process.pid, group: child.pid })
      assert.isTrue(ProcFs.lives(child.pid, stat?.start ?? ""))
      assert.isFalse(ProcFs.lives(child.pid, `${Number(stat?.start) - 1}`))
    }))

  it.live("who was started with no environment at all clearly bears no tag, nor does a thread of the kernel", () =>
    Effect.gen(function*() {
      assert.strictEqual(ProcFs.tagOf((yield* Bystander.start({})).pid), "None")
      assert.strictEqual(ProcFs.tagOf(2), "None")
    }))

  it.live("the dead are nobody and bear no tag", () =>
    Effect.gen(function*() {
      const { pid, start } = yield* Bystander.dead
      assert.isUndefined(ProcFs.stat(pid))
      assert.isFalse(ProcFs.lives(pid, start))
      assert.strictEqual(ProcFs.tagOf(pid), "None")
    }))
})

describe("the escapees of a process", () => {
  it.live("are those with its tag outside its group, and nobody else's", () =>
    Effect.gen(function*() {
      const script = "setsid sh -c 'echo ready $$; exec sleep 60' & exec sleep 60"
      const child = yield* SupervisedProcess.spawn({ command: "sh", args: ["-c", script], gracePeriod: 0 })
      const escapee = Number(/ready (\d+)/.exec(yield* awaitOutput(child.stdout, "\n"))?.[1])
      const tag = ProcFs.tagOf(child.pid)
      if (typeof tag === "string") return assert.fail("the child has no tag")
      const walk = TagWalk.make(ProcFs)
      const pidsOf = (of: Tag.Tag) =>
        Effect.map(Escapees.find(walk, of, child.pid), (found) => found.map(({ pid }) => pid))
      assert.deepStrictEqual(yield* pidsOf(tag), [escapee])
      assert.deepStrictEqual(yield* pidsOf({ ...tag, number: tag.number + 1 }), [])
      assert.deepStrictEqual(yield* pidsOf({ ...tag, runtime: Bystander.runtimeId() }), [])
      assert.deepStrictEqual(yield* pidsOf({ ...tag, policy: "group" }), [])
    }))
})
