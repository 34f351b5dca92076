/**
 * The flight recorder of the runtime: a ring for each connection, written out when a call fails.
 *
 * - A recording holds the connections of one server: those that are open, and the last few that have ended.
 * - Calls that fail together are told in one recording. A failure with nothing new before it, such as a call that fails fast during a quarantine,
 *   is not written again.
 * - An answer is no failure, an error of the server's included; nor is what is refused before there is a connection.
 * - What is still to be written when the Scope closes is written then.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import * as Queue from "effect/Queue"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import type { Endpoint } from "../../Endpoint.ts"
import { EndpointKey } from "../../EndpointKey.ts"
import type { OpenLink } from "../../LinkOpener.ts"
import type { McpRuntimeError, Reason } from "../../McpRuntimeError.ts"
import type { RecorderOptions } from "../../Recorder.ts"
import * as Recording from "../../Recording.ts"
import { guardedListener } from "../calls/guardedListener.ts"
import { saveRecording } from "../nodePlatform.ts"
import * as RecordedLink from "./RecordedLink.ts"
import { Ring } from "./Ring.ts"

export interface FlightRecorder {
  readonly wrap: (open: OpenLink) => OpenLink
  /** A call of this server has failed. */
  readonly failed: (server: string, endpoint: Endpoint, error: McpRuntimeError) => void
}

interface Tape {
  readonly key: string
  readonly ring: Ring
  hasEnded: boolean
}

interface Pending {
  readonly failures: Array<{ readonly reason: string; readonly message: string; readonly server: string }>
}

export const make = Effect.fnUntraced(function*(
  options: RecorderOptions
): Effect.fn.Return<FlightRecorder, never, Scope.Scope> {
  const { bodies = false, keep = 20, maxBodies = 1024 * 1024, maxEvents = 512, secrets = [], to } = options
  const clock = yield* Clock.Clock
  const startedAt = new Date(yield* Clock.currentTimeMillis).toISOString()
  const tapes = new Set<Tape>()
  const pending = new Map<string, Pending>()
  /** By server: how many events there were when it was written last. */
  const written = new Map<string, number>()
  const wakes = yield* Queue.sliding<void>(1)
  const turns = yield* Semaphore.make(1)
  const fork = yield* FiberSet.makeRuntime<never, void, never>()
  const give = typeof to === "string" ? undefined : guardedListener(
    to,
    (error) => void fork(Effect.logError("the function that is given recordings failed", error))
  )
  let connections = 0

  const begin = (endpoint: Endpoint): RecordedLink.Track => {
    const tape: Tape = {
      key: EndpointKey.make(endpoint),
      ring: new Ring({ maxEvents: Math.max(32, maxEvents), maxBodies }),
      hasEnded: false
    }
    tapes.add(tape)
    return {
      connection: ++connections,
      onMessage: (message) => tape.ring.push(message),
      onEvent: (event) => {
        tape.ring.push(event)
        if (event.event !== "closed" && event.event !== "unopened") return
        tape.hasEnded = true
        forget(tape.key)
      }
    }
  }
  /** Of connections that have ended only the last few are kept, of each server and of all. */
  const forget = (key: string): void => {
    const ended = [...tapes].filter(({ hasEnded }) => hasEnded)
    const own = ended.filter((tape) => tape.key === key)
    for (const tape of [...own.slice(0, -endedOfServer), ...ended.slice(0, -endedOfAll)]) tapes.delete(tape)
    for (const each of written.keys()) if (![...tapes].some((tape) => tape.key === each)) written.delete(each)
  }
  const take = (key: string, { failures }: Pending): Recording.Recording | undefined => {
    const own = [...tapes].filter((tape) => tape.key === key)
    const count = own.reduce((sum, { ring }) => sum + ring.count, 0)
    if (count === 0 || written.get(key) === count) return undefined
    written.set(key, count)
    const events = own.flatMap(({ ring }) => ring.events()).toSorted((left, right) => left.at - right.at)
    return { head: { holdfast: "recording", version: Recording.version, startedAt, bodies, failures }, events }
  }
  const write = (recording: Recording.Recording): Effect.Effect<void> =>
    typeof to === "string"
      ? Effect.flatMap(Clock.currentTimeMillis, (now) =>
        saveRecording(to, `${stampOf(now)}-${fileNameOf(recording)}.ndjson`, Recording.encode(recording), keep)).pipe(
          Effect.flatMap((file) =>
            Effect.logInfo(`${serverOf(recording)}: what was said before a call failed is in ${file}`)
          ),
          Effect.catch(({ code, path }) =>
            Effect.logWarning(`the recording of a failure cannot be written to ${path} (${code})`)
          )
        )
      : Effect.sync(() =>
        give?.(recording)
      )
  const flush = turns.withPermits(1)(Effect.suspend(() => {
    const taken = [...pending].map(([key, failures]) => take(key, failures))
    pending.clear()
    return Effect.forEach(taken, (recording) => recording === undefined ? Effect.void : write(recording), {
      discard: true
    })
  })).pipe(Effect.uninterruptible)

  yield* Effect.addFinalizer(() => flush)
  // The connection that lost a call may have more to say of it in the same turn.
  yield* Effect.forkScoped(Effect.forever(Effect.andThen(Queue.take(wakes), Effect.andThen(Effect.yieldNow, flush))))

  const recorded: RecordedLink.RecordedLinkOptions = {
    bodies,
    secrets: secrets.map((secret) => typeof secret === "string" ? Redacted.make(secret) : secret),
    now: RecordedLink.clockFrom(clock),
    onConnection: ({ endpoint }) => begin(endpoint)
  }
  return {
    wrap: (open) => RecordedLink.wrap(open, recorded),
    failed: (server, endpoint, { reason }) => {
      if (isAnswerOrRefusal(reason)) return
      const key = EndpointKey.make(endpoint)
      const known = pending.get(key) ?? { failures: [] }
      pending.set(key, known)
      if (known.failures.length < mostFailures) {
        known.failures.push({ reason: reason._tag, message: reason.message, server })
      }
      Queue.offerUnsafe(wakes, undefined)
    }
  }
})

const endedOfServer = 4
const endedOfAll = 64
const mostFailures = 100

const isAnswerOrRefusal = (reason: Reason): boolean => {
  switch (reason._tag) {
    case "ServerError":
    case "ConfigInvalid":
    case "UnknownServer":
    case "UnknownTool":
    case "ToolDisabled":
    case "TooBusy":
    case "ShuttingDown":
      return true
    default:
      return false
  }
}

const serverOf = ({ head }: Recording.Recording): string => head.failures?.[0]?.server ?? "a server"

/** The names of servers are a config's: of a file's name they are a part only as far as every system allows. */
const fileNameOf = (recording: Recording.Recording): string =>
  `${serverOf(recording).replaceAll(/[^\w.-]+/g, "_").slice(0, 64)}-${
    recording.head.failures?.[0]?.reason ?? "failure"
  }`

/** Sorts by time. */
const stampOf = (millis: number): string => new Date(millis).toISOString().replaceAll(":", "").replace(".", "-")
