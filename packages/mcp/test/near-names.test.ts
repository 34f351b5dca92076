import { assert, describe, it } from "@effect/vitest"
import { nearNames } from "../src/NearNames.ts"

describe("near names", () => {
  it("are those a typing slip or two away, nearest first", () => {
    assert.deepStrictEqual(nearNames("ecko", ["echo", "get-sum"]), ["echo"])
    assert.deepStrictEqual(nearNames("fss", ["fs", "docs"]), ["fs"])
    assert.deepStrictEqual(nearNames("REDA_file", ["read_file", "write_file"]), ["read_file"])
  })

  it("are those that contain the word, or that it contains", () => {
    assert.deepStrictEqual(nearNames("sum", ["get-sum", "echo"]), ["get-sum"])
  })

  it("are none for a word of which half would be a slip", () => {
    assert.deepStrictEqual(nearNames("c", ["a", "b"]), [])
    assert.deepStrictEqual(nearNames("fs", ["gs", "db"]), [])
    assert.deepStrictEqual(nearNames("C", ["c"]), ["c"])
  })
})
