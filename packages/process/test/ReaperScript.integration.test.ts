import { describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as ReaperScript from "../src/internal/ReaperScript.ts"
import * as Bystander from "./support/Bystander.ts"
import { define, isGone, makeWith, shell } from "./support/reaperContract.ts"

define("sh", shell("/bin/sh", ReaperScript.shell))

describe("a reaper where there is no /proc", () => {
  it.live("kills registered groups whose leader is the one that ps had seen", () =>
    Effect.gen(function*() {
      const one = yield* Bystander.start()
      const reaper = yield* makeWith(shell("/bin/sh", ReaperScript.shell, "ps"))(Bystander.runtimeId())
      yield* reaper.leave(`add 1 ${one.pid} 0 kill`)
      yield* isGone(one)
    }))
})
