/**
 * How many calls may be sent again after they were handed over and lost: a token bucket that successes fill.
 *
 * A replay costs one token, a success earns `ratio` of one, and the bucket holds `burst`. So in an outage the load of replays
 * stays below `ratio` of what last worked, however many callers there are (Finagle's RetryBudget; the AWS SDK's retry quota).
 *
 * @example
 * ```ts
 * import { ReplayBudget } from "@holdfast/core"
 *
 * const budget = ReplayBudget.make({ burst: 100, ratio: 0.2 })
 * budget.deposit()
 * export const maySendAgain: boolean = budget.withdraw()
 * ```
 */

/** A bucket of tokens, each worth one replay. */
export interface ReplayBudget {
  /** Takes a token. False: there is none, the call must not be sent again. */
  readonly withdraw: () => boolean
  /** A call succeeded. */
  readonly deposit: () => void
  /** Whole tokens left. */
  readonly balance: () => number
}

/** `burst` tokens at first and at most (default 100), `ratio` earned per success (default 0.2). */
export const make = (options: { readonly burst?: number; readonly ratio?: number } = {}): ReplayBudget => {
  // Whole parts of a token: fractions added up a thousand times would not make a thousand fractions.
  const token = 1_000_000
  const burst = (options.burst ?? 100) * token
  const earned = Math.round((options.ratio ?? 0.2) * token)
  let balance = burst
  return {
    withdraw() {
      if (balance < token) return false
      balance -= token
      return true
    },
    deposit() {
      balance = Math.min(burst, balance + earned)
    },
    balance: () => Math.floor(balance / token)
  }
}
