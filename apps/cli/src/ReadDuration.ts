/**
 * A duration as people write it: `30s`, `500 ms`, `2 minutes`, `1m 30s`.
 *
 * A number alone is refused, because it may mean seconds or milliseconds; so is nothing at all (`0s`).
 */
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"

/** What was expected, for help and errors. */
export const durationExpected = "a duration such as 30s, 500ms, 2m or \"30 seconds\""

const units: ReadonlyArray<readonly [names: ReadonlyArray<string>, millis: number]> = [
  [["ms", "millis", "millisecond", "milliseconds"], 1],
  [["s", "sec", "secs", "second", "seconds"], 1000],
  [["m", "min", "mins", "minute", "minutes"], 60_000],
  [["h", "hour", "hours"], 3_600_000],
  [["d", "day", "days"], 86_400_000]
]

const millisOf = new Map(units.flatMap(([names, millis]) => names.map((name) => [name, millis] as const)))

/** Reads it; `None` when it is no duration above zero. */
export const readDuration = (text: string): Option.Option<Duration.Duration> => {
  const parts = text.trim().toLowerCase()
  if (!/^(?:\d+(?:\.\d+)?\s*[a-z]+\s*)+$/.test(parts)) return Option.none()
  let sum = 0
  for (const [, amount, unit = ""] of parts.matchAll(/(\d+(?:\.\d+)?)\s*([a-z]+)/g)) {
    sum += Number(amount) * (millisOf.get(unit) ?? Number.NaN)
  }
  return sum > 0 && Number.isFinite(sum) ? Option.some(Duration.millis(sum)) : Option.none()
}
