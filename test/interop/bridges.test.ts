/** The eras are joined for peers that were not written here: clients and servers of both versions of the SDK. */
import { assert, describe, it } from "@effect/vitest"
import { asV1, asV2, makeHome, right } from "./support/bridgedHosts.ts"

describe("a bridge of the eras", () => {
  it("has a client of version 1 call, and be asked by, a server of version 2 that is modern only", async () => {
    await using home = makeHome()
    assert.deepStrictEqual(await asV1(home.command("askingV2")), right)
  })

  it("has a client of version 2 that is modern only call, and be asked by, a server of version 1", async () => {
    await using home = makeHome()
    assert.deepStrictEqual(await asV2(home.command("askingV1", "--modern"), { pin: "2026-07-28" }, "2026-07-28"), right)
  })
})
