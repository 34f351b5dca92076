/**
 * Calls in a second of processor time, of the program that calls and its server together, over stdio. Each has a process with a server of its own, in turn; the best round of each
 * counts.
 */
import { Home } from "../Home.ts"
import type { Library } from "./clients.ts"
import { UserProgram } from "./UserProgram.ts"

export interface Speeds {
  readonly sequential: number
  readonly concurrent: number
}

/** Many, and more before that are not counted: the compiler of a program that has just begun takes as long as some thousand calls. */
const calls = 10_000
const inFlight = 64
const rounds = 3

/** By the name of the library: its speeds, or why there are none. */
export const speeds = async (libraries: ReadonlyArray<Library>): Promise<ReadonlyMap<string, Speeds | string>> => {
  const best = new Map<string, Speeds | string>()
  for (let round = 0; round < rounds; round++) {
    for (const library of libraries) {
      const before = best.get(library.name) ?? { sequential: 0, concurrent: 0 }
      if (typeof before === "string") continue
      console.error(`speed, round ${round + 1} of ${rounds}: ${library.name}`)
      try {
        const now = await measure(library)
        best.set(library.name, {
          sequential: Math.max(before.sequential, now.sequential),
          concurrent: Math.max(before.concurrent, now.concurrent)
        })
      } catch (error) {
        best.set(library.name, error instanceof Error ? error.message : String(error))
      }
    }
  }
  return best
}

const measure = async (library: Library): Promise<Speeds> => {
  await using home = new Home()
  const user = new UserProgram(library, home)
  const opened = await user.open({ _tag: "Stdio", ...home.server() })
  if (!opened.isDone) throw new Error(opened.why)
  await user.speed({ calls, inFlight })
  const sequential = await user.speed({ calls, inFlight: 1 })
  return { sequential, concurrent: await user.speed({ calls: calls * 2, inFlight }) }
}
