import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as DashboardAccess from "../src/DashboardAccess.ts"

describe("the token of an address", () => {
  it.effect("lets in once; the second time it says how to get a new one, and the first session stays", () =>
    Effect.gen(function*() {
      const { access, token } = DashboardAccess.oneTime("start it again for a new one")
      const session = yield* access.enter(token)
      assert.isTrue(access.admits(session))
      const { message } = yield* Effect.flip(access.enter(token))
      assert.strictEqual(message, "this address was used already, and works only once; start it again for a new one")
      assert.isTrue(access.admits(session))
    }))

  it.effect("is 256 bits, another one each time, and no session; a wrong one does not use it up", () =>
    Effect.gen(function*() {
      const { access, token } = DashboardAccess.oneTime("start it again")
      assert.match(token, /^[\w-]{43}$/)
      assert.notStrictEqual(token, DashboardAccess.oneTime("").token)
      for (const given of [undefined, "", token, "x".repeat(100_000)]) assert.isFalse(access.admits(given))
      for (const given of ["", `${token}x`, token.slice(1)]) {
        assert.include((yield* Effect.flip(access.enter(given))).message, "not the right one; start it again")
      }
      const session = yield* access.enter(token)
      assert.notStrictEqual(session, token)
      for (const given of [undefined, "", token, `${session}x`]) assert.isFalse(access.admits(given))
    }))
})
