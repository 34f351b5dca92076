/** Names of files as texts, whatever their bytes. */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import * as pathText from "../src/internal/pathText.ts"

describe("a name", () => {
  it("is kept, whatever its bytes", () => {
    const pieces = fc.oneof(
      fc.uint8Array({ maxLength: 4 }),
      fc.constantFrom("a", "ü", "€", "😀", "\ufffd").map(Buffer.from)
    )
    fc.assert(fc.property(fc.array(pieces, { maxLength: 6 }), (parts) => {
      const bytes = Buffer.concat(parts)
      assert.deepStrictEqual(pathText.toBytes(pathText.fromBytes(bytes)), bytes)
    }))
  })

  it("shows its characters, and bytes that are none in figures", () => {
    const shown = (...parts: ReadonlyArray<string | number>) =>
      pathText.show(
        pathText.fromBytes(Buffer.concat(parts.map((part) => Buffer.from(typeof part === "string" ? part : [part]))))
      )
    assert.strictEqual(shown("ü€😀.txt"), "ü€😀.txt")
    assert.strictEqual(shown("ü", 0xff, "€", 0x80, "😀", 0xe9, "a"), "ü\\xFF€\\x80😀\\xE9a")
  })
})
