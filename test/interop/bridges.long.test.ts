/** The rest of what `bridges.test.ts` promises. */
import { assert, describe, it } from "@effect/vitest"
import { asV2, makeHome, right } from "./support/bridgedHosts.ts"

describe("a bridge of the eras", () => {
  it("has a client of version 2 in the legacy era call, and be asked by, a modern server", async () => {
    await using home = makeHome()
    assert.deepStrictEqual(await asV2(home.command("askingV2"), "legacy", "2025-11-25"), right)
  })

  it("lets a client of version 2 that speaks both eras go on in that of a legacy server", async () => {
    await using home = makeHome()
    assert.deepStrictEqual(await asV2(home.command("askingV1"), "auto", "2025-11-25"), right)
  })
})
