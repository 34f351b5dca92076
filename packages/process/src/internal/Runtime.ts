/**
 * Wraps the platform: this JavaScript process as the owner of children. Randomness names it, the monotonic clock and a
 * timer pace the replacement of its reaper, because both belong to the process and not to a fiber that happens to spawn.
 *
 * One runtime per loaded copy of this module: a worker thread or a second, bundled copy of the library is a runtime of its own.
 */
import * as Effect from "effect/Effect"
import { randomBytes } from "node:crypto"
import { performance } from "node:perf_hooks"
import * as ChildRegistry from "./ChildRegistry.ts"
import * as Ledger from "./Ledger.ts"
import * as ProcFs from "./ProcFs.ts"
import * as ReaperProcess from "./ReaperProcess.ts"
import * as TagWalk from "./TagWalk.ts"

/** 128 random bits. */
export const id: string = randomBytes(16).toString("hex")

export const walk: TagWalk.TagWalk = TagWalk.make(ProcFs)

/** Logs with the loggers of the fiber that asked for the reaper first: a program's stdout may be its protocol. */
type Log = (entry: Effect.Effect<void>) => void

let log: Log = () => {}

export const logWith = (to: Log): void => {
  log = to
}

export const children: ChildRegistry.ChildRegistry = ChildRegistry.make({
  runtime: id,
  platform: ReaperProcess.detect,
  startReaper: ReaperProcess.start,
  openLedger: (lines) =>
    Ledger.open({
      directory: Ledger.defaultDirectory(),
      runtime: id,
      lines,
      onFault: (why) =>
        log(Effect.logWarning(
          `no ledger is kept: ${why}. Should this program and its reaper be killed at once, what it started may stay`
        ))
    }),
  now: () => performance.now(),
  soon: (run) => void setImmediate(run),
  later: (retry) => void setTimeout(retry, 1000).unref(),
  notices: {
    inform: (message) => log(Effect.logInfo(message)),
    warn: (message) => log(Effect.logWarning(message))
  }
})
