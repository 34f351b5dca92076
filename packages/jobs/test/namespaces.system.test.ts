import { describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { files } from "./support/killedProgram.ts"
import { takenOver } from "./support/takenOver.ts"

describe("programs on one file", () => {
  it.live("take over from a killed one of another PID namespace, whose process they cannot see", () =>
    Effect.scoped(
      Effect.flatMap(files, (where) =>
        takenOver(where, { wrap: ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"] }))
    ))
})
