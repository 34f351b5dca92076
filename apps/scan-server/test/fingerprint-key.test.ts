/** The key that fingerprints are made with: of the environment, or of a file. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import * as path from "node:path"
import * as FingerprintKey from "../src/FingerprintKey.ts"
import { temporaryFolder } from "./support/temporaryFolder.ts"

const load = (file: string, environment: Readonly<Record<string, string>> = {}) =>
  FingerprintKey.load(file).pipe(
    Effect.provide([NodeServices.layer, ConfigProvider.layer(ConfigProvider.fromUnknown(environment))])
  )

describe("the key of fingerprints", () => {
  it.live("is the same for all that make its file at once, and nothing else is left beside it", () =>
    Effect.gen(function*() {
      const folder = yield* temporaryFolder
      const file = path.join(folder, "scan.key")
      const keys = yield* Effect.all(Array.from({ length: 8 }, () => load(file)), { concurrency: "unbounded" })
      assert.lengthOf(new Set(keys), 1)
      assert.match(keys[0] ?? "", /^[0-9a-f]{64}$/)
      assert.strictEqual(yield* load(file), keys[0])
      assert.deepStrictEqual(fs.readdirSync(folder), ["scan.key"])
      assert.strictEqual(fs.statSync(file).mode & 0o777, 0o600)
    }))

  it.live("has 16 characters or more, and is the environment's where that has one", () =>
    Effect.gen(function*() {
      const file = path.join(yield* temporaryFolder, "scan.key")
      const [short, enough] = ["k".repeat(15), "k".repeat(16)]
      fs.writeFileSync(file, `${enough}\n`)
      assert.strictEqual(yield* load(file), enough)
      assert.strictEqual(yield* load(file, { HOLDFAST_SCAN_KEY: "e".repeat(16) }), "e".repeat(16))
      const refused = yield* Effect.flip(load(file, { HOLDFAST_SCAN_KEY: short }))
      assert.strictEqual(refused.message, "fingerprint key HOLDFAST_SCAN_KEY: it has less than 16 characters")
      fs.writeFileSync(file, short)
      const { message } = yield* Effect.flip(load(file))
      assert.strictEqual(message, `fingerprint key ${file}: it has less than 16 characters; remove it to get a new one`)
    }))
})
