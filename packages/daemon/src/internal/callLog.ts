/**
 * One record of every call of a tool: its id, whose, of which server and tool, what is known of its delivery, and how long it took. No arguments.
 *
 * Records are written in batches, after the answers have gone out: a call is not to wait for a disk.
 */
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as FiberHandle from "effect/FiberHandle"
import type * as Scope from "effect/Scope"
import type { SessionStatus } from "../DaemonStatus.ts"
import type { Fate, Given, Observer } from "../HostSession.ts"
import * as RawMessage from "../RawMessage.ts"
import { CallNote } from "./CallNote.ts"
import type { Journal } from "./Journal.ts"
import { newSecret } from "./nodePlatform.ts"

export interface CallLog {
  /** Watches the calls of a session. `who` is asked when a call is over; undefined: another daemon keeps the record. */
  readonly watch: (who: () => SessionStatus | undefined, server: string) => Observer
}

/** How long a record may wait for others. */
const patience = "500 millis"

/** Writes lines without their ends. Tells the journal of calls, of what has failed, and of lists of tools. */
export const make = (
  write: (lines: ReadonlyArray<string>) => void,
  journal: Pick<Journal, "called" | "failed" | "listed" | "tell">
): Effect.Effect<CallLog, never, Scope.Scope> =>
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
        const notes = new Map<RawMessage.RawMessage, CallNote>()
        const known = new WeakSet<Given>()
        const times = { wall: () => clock.currentTimeMillisUnsafe(), now: () => clock.monotonicTimeNanosUnsafe() }
        return {
          asked: (request, { begunAt = times.now(), id = newCallId() } = {}) => {
            if (request.method !== "tools/call" && request.method?.endsWith("/list") !== true) return
            since.set(request, begunAt)
            if (request.method !== "tools/call") return
            const note = new CallNote({ id, server, name: toolOf(request), by: who()?.program }, begunAt, times)
            notes.set(request, note)
            journal.called({ id, server, read: () => note.record() })
          },
          sent: (request, given) => {
            const note = notes.get(request)
            if (note === undefined) return
            // It was started for the first of the calls that it is given.
            note.sent(known.has(given) ? { ...given, isNew: false } : given)
            known.add(given)
          },
          repeated: (request, loss, delivery) => notes.get(request)?.repeated(loss, delivery),
          over: (request, fate) => {
            const start = since.get(request)
            if (start === undefined || !since.delete(request)) return
            const note = notes.get(request)
            notes.delete(request)
            note?.over(fate, faultOf(request, fate))
            const caller = who()
            if (caller === undefined) return
            const millis = Math.round(Number(clock.monotonicTimeNanosUnsafe() - start) / 1e6)
            const fault = faultOf(request, fate)
            if (fault !== undefined) {
              journal.failed(server, {
                ...fault,
                at: clock.currentTimeMillisUnsafe() - millis,
                ...stepOf(request, millis)
              })
            }
            if (request.method !== "tools/call") return countTools(journal, server, request, fate)
            const tool = toolOf(request)
            const delivery = deliveryOf(fate)
            const call = note?.id
            journal.tell({ event: "called", server, tool, by: caller, delivery, call, ...outcomeOf(fate), millis })
            const { directory, pid, program } = caller
            const fields = {
              timestamp: DateTime.formatIso(DateTime.makeUnsafe(clock.currentTimeMillisUnsafe())),
              level: "INFO",
              message: "call",
              program,
              pid,
              directory,
              server,
              tool,
              delivery,
              ...outcomeOf(fate),
              millis,
              ...(call !== undefined && { call })
            }
            lines.push(Object.entries(fields).map(([name, value]) => `${name}=${written(String(value))}`).join(" "))
            if (lines.length === 1) run(wait)
          }
        }
      }
    }
  })

const maxName = 200

const toolOf = (request: RawMessage.RawMessage): string =>
  String(RawMessage.paramsOf(request)["name"]).slice(0, maxName)

/** As those of parked calls are. */
const newCallId = (): string => `c${newSecret().slice(0, 8)}`

const deliveryOf = (fate: Fate): string => typeof fate === "string" ? fate : "answered"

/** An error of the protocol, or of the tool itself. */
const outcomeOf = (fate: Fate): { readonly code?: number | undefined; readonly isError?: true } => {
  if (typeof fate === "string") return {}
  const { error, result } = fate.answer.value
  if (error !== undefined) {
    const { code } = RawMessage.membersOf(error)
    return typeof code === "number" ? { code } : {}
  }
  return RawMessage.membersOf(result)["isError"] === true ? { isError: true } : {}
}

/** Of a list or a call that got no result. Undefined: it got one, or its client wanted it no more. */
const faultOf = (request: RawMessage.RawMessage, fate: Fate) => {
  if (fate === "cancelled" || fate === "left") return undefined
  const failedStep = request.method === "tools/call" ? "call" as const : "list" as const
  if (typeof fate === "string") {
    const words = fate === "NotSent" ? "was not sent" : "may have run"
    return {
      outcome: "failed" as const,
      failedStep,
      reason: fate === "NotSent" ? "ConnectionLost" : "OutcomeUnknown",
      message: `${request.method} ${words}: its server was lost, or could not be had`
    }
  }
  const { error } = fate.answer.value
  if (error === undefined) return undefined
  const { code, data, message } = RawMessage.membersOf(error)
  const { reason, status } = RawMessage.membersOf(data)
  return {
    outcome: "failed" as const,
    failedStep,
    reason: typeof reason === "string" ? reason : "ServerError",
    message: String(message),
    ...(typeof code === "number" && { code }),
    ...(typeof status === "number" && { http: { status } })
  }
}

const stepOf = (request: RawMessage.RawMessage, millis: number) => {
  const isCall = request.method === "tools/call"
  const what = isCall ? toolOf(request) : request.method
  return { steps: [{ step: isCall ? "call" as const : "list" as const, what, millis }] }
}

/** Of an answer to `tools/list`. */
const countTools = (
  journal: Pick<Journal, "listed">,
  server: string,
  request: RawMessage.RawMessage,
  fate: Fate
): void => {
  if (request.method !== "tools/list" || typeof fate === "string") return
  const { nextCursor, tools } = RawMessage.membersOf(fate.answer.value["result"])
  if (!Array.isArray(tools)) return
  const isFirst = RawMessage.paramsOf(request)["cursor"] === undefined
  journal.listed(server, tools.length, isFirst, nextCursor === undefined || nextCursor === null)
}

/** As logfmt has it: one line, quoted where that is needed. */
const written = (value: string): string => /^[\w./:@+-]+$/.test(value) ? value : JSON.stringify(value)
