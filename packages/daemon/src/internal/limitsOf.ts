/**
 * The limits of a daemon: what is said in its environment, else what suits the machine.
 */
import * as Effect from "effect/Effect"
import type { Limits } from "../Admission.ts"
import { DaemonRefusal } from "../DaemonRefusal.ts"
import { processors, totalMemory } from "./nodePlatform.ts"

const megabyte = 1024 * 1024

/** So much of the memory is the reserve, and no more than half a gigabyte. */
const reserve = { share: 0.05, most: 512 * megabyte }

/** Reads `HOLDFAST_DAEMON_MAX_PROCESSES`, `…_MAX_PER_PROGRAM` and `…_MEMORY_RESERVE_MB`. Fails when one is no number. */
export const limitsOf = (
  environment: Readonly<Record<string, string | undefined>>
): Effect.Effect<Limits, DaemonRefusal> => {
  const number = (name: string, least: number, fallback: number): Effect.Effect<number, DaemonRefusal> => {
    const said = environment[`HOLDFAST_DAEMON_${name}`]
    if (said === undefined || said === "") return Effect.succeed(fallback)
    const value = Number(said)
    return Number.isSafeInteger(value) && value >= least
      ? Effect.succeed(value)
      : Effect.fail(
        new DaemonRefusal("NotStarted", `HOLDFAST_DAEMON_${name} is no number of at least ${least}: ${said}`)
      )
  }
  const usual = Math.min(totalMemory() * reserve.share, reserve.most)
  return Effect.map(
    Effect.all([
      number("MAX_PROCESSES", 1, 256),
      number("MAX_PER_PROGRAM", 1, 128),
      number("MEMORY_RESERVE_MB", 0, usual / megabyte)
    ]),
    ([processes, perProgram, reserved]) => ({
      processes,
      perProgram,
      // Most of a start is waiting.
      starts: Math.max(4, 2 * processors()),
      memoryReserve: reserved * megabyte
    })
  )
}
