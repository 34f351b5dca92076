/**
 * One record of every call of a tool: whose, of which server and tool, what is known of its delivery, and how long it took. No arguments.
 *
 * Records are written in batches, after the answers have gone out: a call is not to wait for a disk.
 */
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as FiberHandle from "effect/FiberHandle"
import type * as Scope from "effect/Scope"
import type { SessionStatus } from "../DaemonStatus.ts"
import type { Fate, Observer } from "../HostSession.ts"
import * as RawMessage from "../RawMessage.ts"

export interface CallLog {
  /** Watches the calls of a session. `who` is asked when a call is over; undefined: another daemon keeps the record. */
  readonly watch: (who: () => SessionStatus | undefined, server: string) => Observer
}

/** How long a record may wait for others. */
const patience = "500 millis"

/** Writes lines without their ends. */
export const make = (write: (lines: ReadonlyArray<string>) => void): Effect.Effect<CallLog, never, Scope.Scope> =>
  Effect.gen(function*() {
    const clock = yield* Clock.Clock
    let lines: Array<string> = []
    const flush = Effect.sync(() => {
      if (lines.length > 0) write(lines)
      lines = []
    })
    // Before the fiber, so that it comes after it.
    yield* Effect.addFinalizer(() => flush)
    const run = yield* FiberHandle.makeRuntime<never, void>()
    const wait = Effect.andThen(Effect.sleep(patience), flush)
    return {
      watch: (who, server) => {
        const since = new Map<RawMessage.RawMessage, bigint>()
        return {
          asked: (request) => {
            if (request.method === "tools/call") since.set(request, clock.monotonicTimeNanosUnsafe())
          },
          over: (request, fate) => {
            const start = since.get(request)
            if (start === undefined || !since.delete(request)) return
            const caller = who()
            if (caller === undefined) return
            const { directory, pid, program } = caller
            const fields = {
              timestamp: DateTime.formatIso(DateTime.makeUnsafe(clock.currentTimeMillisUnsafe())),
              level: "INFO",
              message: "call",
              program,
              pid,
              directory,
              server,
              tool: String(RawMessage.paramsOf(request)["name"]).slice(0, maxName),
              delivery: deliveryOf(fate),
              ...outcomeOf(fate),
              millis: Math.round(Number(clock.monotonicTimeNanosUnsafe() - start) / 1e6)
            }
            lines.push(Object.entries(fields).map(([name, value]) => `${name}=${written(String(value))}`).join(" "))
            if (lines.length === 1) run(wait)
          }
        }
      }
    }
  })

const maxName = 200

const deliveryOf = (fate: Fate): string => typeof fate === "string" ? fate : "answered"

/** An error of the protocol, or of the tool itself. */
const outcomeOf = (fate: Fate): object => {
  if (typeof fate === "string") return {}
  const { error, result } = fate.answer.value
  if (error !== undefined) return { code: RawMessage.membersOf(error)["code"] }
  return RawMessage.membersOf(result)["isError"] === true ? { isError: true } : {}
}

/** As logfmt has it: one line, quoted where that is needed. */
const written = (value: string): string => /^[\w./:@+-]+$/.test(value) ? value : JSON.stringify(value)
