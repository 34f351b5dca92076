import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import { readDuration } from "../src/ReadDuration.ts"

const millis = (text: string) => Option.getOrUndefined(Option.map(readDuration(text), Duration.toMillis))

describe("a duration", () => {
  it("is read as people write it", () => {
    const written = {
      "1s": 1000,
      "500 ms": 500,
      "2 minutes": 120_000,
      "30 Seconds": 30_000,
      "1.5m": 90_000,
      "1m 30s": 90_000,
      "1h": 3_600_000,
      " 1 day ": 86_400_000
    }
    for (const [text, expected] of Object.entries(written)) assert.strictEqual(millis(text), expected, text)
  })

  it("is refused without a unit, at zero or below, and when it is none", () => {
    for (const text of ["5", "0s", "-1s", "soon", "", "1 fortnight", "s", "1s!", "Infinity", "1e3s"]) {
      assert.isUndefined(millis(text), text)
    }
  })
})
