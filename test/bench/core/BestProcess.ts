/**
 * Contenders that are processes, one after the other in turn, each anew in every round: what chance makes of one process, in its memory and
 * its compiled code, is not what is compared. The best process of each counts.
 */
import * as Effect from "effect/Effect"
import { spawnSync } from "node:child_process"
import * as ContenderProcess from "../ContenderProcess.ts"
import { inTurn } from "../InTurn.ts"
import * as Report from "../Report.ts"

/** Of each contender. */
export const processes = 4

export interface Contender {
  readonly name: string
  /** What `node` is to run for it. */
  readonly args: ReadonlyArray<string>
  readonly task: object
  /** The processor that it is to run on, where that can be said. */
  readonly core?: string | undefined
  readonly isForeign?: boolean | undefined
}

const canPin = spawnSync("taskset", ["-c", "0", "true"]).status === 0

/** The command that runs a script on one processor; on any, where that cannot be said. */
export const pinned = (
  core: string | undefined,
  args: ReadonlyArray<string>
): readonly [command: string, args: ReadonlyArray<string>] =>
  core === undefined || !canPin ? [process.execPath, args] : ["taskset", ["-c", core, process.execPath, ...args]]

/** One process of it: its first word is that it is ready, its second the figure. */
const round = ({ args, core, task }: Contender) =>
  Effect.scoped(Effect.gen(function*() {
    const { ask } = yield* ContenderProcess.open(...pinned(core, args))
    yield* ask()
    return Number(yield* ask(task))
  }))

/** The lower the figure, the better. */
export const run = Effect.fnUntraced(function*(contenders: ReadonlyArray<Contender>) {
  const results = yield* inTurn(
    contenders.map((one) => ({ name: one.name, isForeign: one.isForeign, round: round(one) })),
    { rounds: processes, warmUp: 0, limit: "3 minutes" }
  )
  const best = (name: string): number => Math.min(...results.all(name))
  const ratio = (title: string, [own, other]: readonly [string, string], gate?: Report.Bounds) =>
    results.comparison(title, [own, other], best(own) / best(other), gate)
  return { ...results, best, ratio }
})
