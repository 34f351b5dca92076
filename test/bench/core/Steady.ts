/**
 * A connector whose dials cost nothing and whose connections never end: what is measured is the pool.
 */
import type * as Connector from "@holdfast/core/Connector"
import * as Effect from "effect/Effect"

export const connector: Connector.Connector<string, number, Error> = {
  fingerprint: (key) => key,
  classify: () => "retryable",
  dial: () => Effect.succeed({ value: 1, closed: Effect.never, probe: Effect.void })
}

export const keysOf = (count: number): ReadonlyArray<string> => Array.from({ length: count }, (_, i) => `key-${i}`)

/** Every one of them, each far from the last: the stride is prime to the counts that are used. */
export const scatter = <A>(items: ReadonlyArray<A>): ReadonlyArray<A> =>
  items.map((item, i) => items[(i * 7919) % items.length] ?? item)
