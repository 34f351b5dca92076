/** Files of any size: read whole, each secret found once and in its place, in memory that does not depend on the size. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import * as path from "node:path"
import * as Scanner from "../src/Scanner.ts"
import * as ScanRules from "../src/ScanRules.ts"
import { npmToken } from "./support/matching.ts"
import { temporaryFolder } from "./support/temporaryFolder.ts"

const gibibyte = 1024 ** 3

describe("a file of a gibibyte", () => {
  it.live("is read to its end, and its secrets are found once and in their columns", () =>
    Effect.gen(function*() {
      const root = yield* temporaryFolder
      const file = path.join(root, "huge.txt")
      const head = `${"some words of text\n".repeat(1000)}${npmToken}\n`
      const descriptor = fs.openSync(file, "w")
      fs.writeSync(descriptor, head)
      // The rest is a hole, which takes no place on the disk: one line of zeros up to the secret at the end.
      fs.writeSync(descriptor, ` ${npmToken}`, gibibyte)
      fs.closeSync(descriptor)
      const scanner = yield* Scanner.make({ roots: [root], rules: ScanRules.builtIn, threads: 1 })
      const real = yield* scanner.resolve(".")
      const { batches } = yield* scanner.plan(real)
      const before = process.memoryUsage.rss()
      const { findings, notRead } = Scanner.sum(yield* Effect.forEach(batches, (batch) => scanner.scan(real, batch)))
      assert.deepStrictEqual(notRead, [])
      assert.deepStrictEqual(findings.map(({ column, line }) => [line, column]), [[1001, 1], [
        1002,
        gibibyte - head.length + 2
      ]])
      // Threads are of this process. The file is four times as large.
      assert.isBelow(process.memoryUsage.rss() - before, gibibyte / 4)
    }).pipe(Effect.provide(NodeServices.layer)))
})
