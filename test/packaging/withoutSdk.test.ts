import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { inject } from "vitest"
import * as Without from "./withoutSdk.ts"

let without: Without.WithoutSdk

beforeAll(() => {
  without = Without.installWithoutSdk(inject("installation").tarballs)
})

afterAll(() => without.remove())

describe("without version 1 of the SDK", () => {
  it("every module loads, but those that are made for it", () => {
    assert.isFalse(Without.hasSdk(without))
    assert.isAbove(without.modules.length, 60)
    assert.strictEqual(Without.load(without), "loaded\n")
  })

  it("every declaration compiles, with skipLibCheck off", () => {
    assert.strictEqual(Without.typeCheck(without), "")
  })

  it("servers are called over stdio and HTTP, those on version 2 are hosted, and OAuth says which package it needs", () => {
    for (const file of ["withoutSdk.mjs", Without.bundle(without)]) {
      const { oauth, said } = Without.call(without, file)
      assert.deepStrictEqual(said, ["hello", "HELLO", "hello on version 2", "HELLO"])
      assert.include(oauth, "OAuth needs the package @modelcontextprotocol/sdk")
      assert.include(oauth, "npm install @modelcontextprotocol/sdk@1")
    }
  })
})
