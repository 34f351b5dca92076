/**
 * A small, fast generator: the same seed gives the same numbers, on every machine.
 *
 * Not for secrets. The algorithm is mulberry32 (Tommy Ettinger, public domain).
 *
 * @example
 * ```ts
 * import { SeededRandom } from "@holdfast/testkit"
 *
 * const random = SeededRandom.make(7)
 * export const dice: number = random.int(1, 6)
 * ```
 */
export interface SeededRandom {
  /** Uniform in [0, 1). */
  readonly next: () => number
  /** An integer in [least, most], both included. */
  readonly int: (least: number, most: number) => number
  /** True with this probability. */
  readonly chance: (probability: number) => boolean
  /** One of the choices, each as likely as the others. */
  readonly pick: <A>(choices: readonly [A, ...ReadonlyArray<A>]) => A
}

/** A generator that starts at `seed`. */
export const make = (seed: number): SeededRandom => {
  let state = seed | 0
  const next = (): number => {
    state = state + 0x6D2B79F5 | 0
    let t = Math.imul(state ^ state >>> 15, 1 | state)
    t = t + Math.imul(t ^ t >>> 7, 61 | t) ^ t
    return ((t ^ t >>> 14) >>> 0) / 4294967296
  }
  const int = (least: number, most: number): number => least + Math.floor(next() * (most - least + 1))
  return {
    next,
    int,
    chance: (probability) => next() < probability,
    pick: (choices) => choices[int(0, choices.length - 1)] ?? choices[0]
  }
}
