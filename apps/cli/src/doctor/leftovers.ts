/**
 * Processes of servers whose owner was killed together with its reaper.
 */
import * as Janitor from "@holdfast/process/Janitor"
import * as Effect from "effect/Effect"
import { firstLine } from "../Table.ts"
import { fault, type Finding, ok } from "./Finding.ts"

/** A finding for each process that is left, or one that says that none is. */
export const check: Effect.Effect<ReadonlyArray<Finding>> = Effect.map(Janitor.look, (orphans) =>
  orphans.length === 0
    ? [ok("process", "orphans", "no process is left of a program that was killed")]
    : orphans.map(({ command, owner, pid }) =>
      fault(
        "process",
        String(pid),
        `left of process ${owner}, which is gone: ${firstLine(command, 200) || "its command cannot be read"}`,
        `kill ${pid}, or start any server: what is left is ended before it`
      )
    ))
