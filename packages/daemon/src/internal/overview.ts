/**
 * All that the daemon knows of each server, in one row: what programs have named, what has a process, what the catalogue knows.
 */
import type { Memory, ServerOverview, ServerStatus } from "../ControlContract.ts"
import type { Journal } from "./Journal.ts"
import * as ProcessMemory from "./processMemory.ts"

export interface KnownTools {
  readonly name: string
  readonly tools: number | undefined
}

/** `known`: by the names in the catalogue. */
export const make = (
  rows: ReadonlyArray<ServerStatus>,
  journal: Pick<Journal, "servers" | "toolsOf">,
  known: ReadonlyArray<KnownTools>
): ReadonlyArray<ServerOverview> => {
  const groups = new Map<string, { readonly name: string; origin: ServerOverview["origin"]; isKnown: boolean }>()
  const keyOf = ({ name, origin }: Pick<ServerStatus, "name" | "origin">): string =>
    `${name}\n${JSON.stringify(origin)}`
  for (const server of journal.servers()) {
    groups.set(keyOf(server), { name: server.name, origin: server.origin, isKnown: server.isKnown() })
  }
  for (const { name, origin } of rows) {
    const key = keyOf({ name, origin })
    if (!groups.has(key)) groups.set(key, { name, origin, isKnown: false })
  }
  const named = new Set([...groups.values()].map(({ name }) => name))
  for (const { name } of known) {
    if (!named.has(name)) groups.set(keyOf({ name, origin: undefined }), { name, origin: undefined, isKnown: true })
  }
  return [...groups].map(([key, { isKnown, name, origin }]) => {
    const processes = rows.filter((row) => keyOf(row) === key)
    const hasOne = processes.some(({ pid, state }) => pid !== undefined || state === "in use")
    const tools = journal.toolsOf(name) ?? known.find((each) => each.name === name)?.tools
    const memory = ProcessMemory.sum(processes.map((each) => each.memory))
    return {
      name,
      ...(origin !== undefined && { origin }),
      catalogue: processes.some(({ leases }) => leases.length > 0)
        ? "used"
        : hasOne
        ? "started"
        : isKnown
        ? "known"
        : "configured",
      eras: [...new Set(processes.flatMap(({ era }) => era === undefined ? [] : [era]))],
      ...(tools !== undefined && { tools }),
      processes,
      inFlight: processes.reduce((total, each) => total + (each.inFlight ?? 0), 0),
      waiting: processes.reduce((total, each) => total + each.waiting, 0),
      ...(memory !== undefined && { memory }),
      sharingWouldSave: savedBySharing(processes)
    }
  })
}

/** Of processes that would be one all but the largest. */
const savedBySharing = (processes: ReadonlyArray<ServerStatus>): number => {
  const alike = new Map<string, Array<number>>()
  for (const { instance, likeness, memory, sharing } of processes) {
    if (sharing === "shared" || instance !== undefined || memory === undefined) continue
    alike.set(likeness, [...alike.get(likeness) ?? [], sizeOf(memory)])
  }
  return [...alike.values()].reduce(
    (total, sizes) => total + sizes.reduce((sum, size) => sum + size, 0) - Math.max(...sizes),
    0
  )
}

const sizeOf = ({ pss, rss }: Memory): number => pss ?? rss
