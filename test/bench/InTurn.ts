/**
 * Contenders take turns, round after round: what slows the machine slows all of them. The first rounds warm up and are thrown away.
 *
 * A round has a limit. A contender that fails, or whose round takes longer, is ended and takes no further part; its row says so and why,
 * and the others go on.
 */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Report from "./Report.ts"

export interface Contender<A> {
  readonly name: string
  /** What one round brings. */
  readonly round: Effect.Effect<A, unknown>
  /** Ends what it holds. Not waited for beyond a second limit: it has failed already. */
  readonly end?: Effect.Effect<void> | undefined
  /** Not ours: that it fails is told, and no gate of ours is missed by it. */
  readonly isForeign?: boolean | undefined
}

export interface Options {
  readonly rounds: number
  /** Rounds before those. Default: 1. */
  readonly warmUp?: number | undefined
  /** How long one round may take. Default: 60 seconds. */
  readonly limit?: Duration.Input | undefined
}

export interface Results<A> {
  readonly all: (name: string) => ReadonlyArray<A>
  /** Undefined unless it has failed. */
  readonly failureOf: (name: string) => string | undefined
  /** Not a number if it has failed. */
  readonly median: (name: string, figure: (one: A) => number) => number
  /** The row of a contender. Its gate is missed if it has failed. */
  readonly row: (
    name: string,
    figure: () => string,
    more?: { readonly gate?: Report.Gate; readonly title?: string }
  ) => Report.Line
  /** The row of a comparison. It has no verdict where a foreign contender has failed, and a missed gate where one of ours has. */
  readonly comparison: (title: string, names: ReadonlyArray<string>, value: number, gate?: Report.Bounds) => Report.Line
}

/** What is ended may take its time for it, but not for ever. */
const endLimit = "10 seconds"

/** Why an effect failed, in one line. */
export const reasonOf = (cause: Cause.Cause<unknown>): string => {
  const error = Cause.squash(cause)
  return (error instanceof Error ? error.message : String(error)).split("\n")[0] ?? ""
}

export const inTurn = Effect.fnUntraced(function*<A>(contenders: ReadonlyArray<Contender<A>>, options: Options) {
  const limit = Duration.fromInputUnsafe(options.limit ?? "60 seconds")
  const samples = new Map(contenders.map(({ name }) => [name, new Array<A>()]))
  const failures = new Map<string, string>()
  const warmUp = options.warmUp ?? 1
  for (let round = -warmUp; round < options.rounds; round++) {
    for (const { end = Effect.void, name, round: run } of contenders) {
      if (failures.has(name)) continue
      const failed = (why: string) => {
        failures.set(name, why)
        samples.set(name, [])
        return Effect.ignoreCause(Effect.timeout(end, endLimit))
      }
      const exit = yield* Effect.exit(Effect.timeoutOption(run, limit))
      if (Exit.isFailure(exit)) yield* failed(`failed: ${reasonOf(exit.cause)}`)
      else if (exit.value._tag === "None") {
        yield* failed(`failed after ${Duration.toSeconds(limit)} s: its round did not end`)
      } else if (round >= 0) samples.get(name)?.push(exit.value.value)
    }
  }
  const isOurs = (name: string): boolean => contenders.find((one) => one.name === name)?.isForeign !== true
  const all = (name: string): ReadonlyArray<A> => samples.get(name) ?? []
  const results: Results<A> = {
    all,
    failureOf: (name) => failures.get(name),
    median: (name, figure) => Report.median(all(name).map(figure)),
    row: (name, figure, { gate, title = name } = {}) => {
      const failure = failures.get(name)
      if (failure === undefined) return { name: title, figure: figure(), gate }
      return { name: title, figure: failure, isMissed: isOurs(name), isFailed: true }
    },
    comparison: (title, names, value, gate) => {
      const failed = names.filter((name) => failures.has(name))
      if (failed.length === 0) {
        return {
          name: title,
          figure: `${Report.round(value)} ×`,
          gate: gate === undefined ? undefined : { ...gate, value, unit: "×" }
        }
      }
      return {
        name: title,
        figure: `no figure: ${failed.join(" and ")} failed`,
        isLeftOut: true,
        isMissed: gate !== undefined && failed.some(isOurs)
      }
    }
  }
  return results
})
