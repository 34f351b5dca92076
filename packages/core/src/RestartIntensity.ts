/**
 * Tells a crash loop from bad luck: OTP's supervisor rule, more than `limit` failures within `window`.
 *
 * @example
 * ```ts
 * import { RestartIntensity } from "@holdfast/core"
 *
 * const intensity = RestartIntensity.make({ limit: 5, window: 60_000 })
 * export const isCrashLoop: boolean = intensity.record(1000)
 * ```
 */

/** The failures of one key, as far as the rule needs them. */
export interface RestartIntensity {
  /** Records a failure at `now` (monotonic milliseconds) and says whether the rule is broken. */
  readonly record: (now: number) => boolean
  /** Forgets all failures. */
  readonly reset: () => void
}

/** More than `limit` failures within `window` milliseconds break the rule. */
export const make = (options: { readonly limit: number; readonly window: number }): RestartIntensity => {
  // Never longer than limit + 1: older failures cannot change the answer.
  let failures: Array<number> = []
  return {
    record(now) {
      failures = failures.filter((at) => now - at < options.window)
      failures.push(now)
      if (failures.length > options.limit + 1) failures.shift()
      return failures.length > options.limit
    },
    reset() {
      failures = []
    }
  }
}
