/**
 * Contenders run in turn, round after round, in one process: what slows the machine slows all of them. Medians of the rounds are
 * compared; the first round warms up and is thrown away.
 */
import * as Effect from "effect/Effect"
import { median } from "../Report.ts"

export interface Contender {
  readonly name: string
  /** Run one after the other, over and over. */
  readonly effects: ReadonlyArray<Effect.Effect<unknown, unknown>>
}

export const rounds = 7
export const callsPerRound = 100_000

/** Median nanoseconds per effect, by name. */
export const run = Effect.fnUntraced(function*(contenders: ReadonlyArray<Contender>) {
  const samples = contenders.map(() => new Array<number>())
  for (let round = 0; round <= rounds; round++) {
    for (const [index, { effects }] of contenders.entries()) {
      const start = process.hrtime.bigint()
      for (let call = 0; call < callsPerRound; call += effects.length) for (const effect of effects) yield* effect
      if (round > 0) samples[index]?.push(Number(process.hrtime.bigint() - start) / callsPerRound)
    }
  }
  const byName = new Map(contenders.map(({ name }, index) => [name, median(samples[index] ?? [])]))
  return (name: string): number => byName.get(name) ?? Number.NaN
})
