import { assert, describe, it } from "@effect/vitest"
import { createHmac } from "node:crypto"
import { hmac } from "../src/internal/sha256.ts"

describe("the digest of what a server is", () => {
  it("is HMAC with SHA-256, for keys and texts of every length around that of a block", () => {
    for (const keyLength of [0, 1, 63, 64, 65, 200]) {
      for (const length of [0, 1, 54, 55, 56, 63, 64, 65, 119, 120, 121, 5000]) {
        const [key, text] = ["ké".repeat(keyLength).slice(0, keyLength), "texté ".repeat(length).slice(0, length)]
        assert.strictEqual(hmac(key, text), createHmac("sha256", key).update(text).digest("hex"))
      }
    }
  })
})
