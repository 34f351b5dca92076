/**
 * What the log says of connections: that a server is lost, why and when it is tried again; that it keeps failing; that it is back.
 *
 * - An outage is one warning, however many callers and attempts it has, and one more if it becomes a quarantine. Its end is told at
 *   INFO. Every other move is told at DEBUG.
 * - A session that the server has forgotten is no outage: one line at INFO.
 * - Each line begins with the server's name, and carries it as the annotation `holdfast.server`.
 * - Causes are told in the words of `McpRuntimeError`, from which secrets are taken out; what is not ours is not quoted.
 * - Nothing is done per call: a call on an open connection moves nothing.
 *
 * Gotchas: it runs in the pool's turn, between two moves, so it must not wait.
 */
import type { PoolEvent } from "@holdfast/core"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { isReason } from "./underNames.ts"

/** The annotation that tells these lines from others. */
export const annotation = "holdfast.server"

interface Outage {
  readonly since: number
  isQuarantineTold: boolean
}

/** Servers come and go, and one that no caller asked for again is never back: the oldest outages are forgotten. */
const mostOutages = 1024

/** Reads events until they end. `now`: monotonic milliseconds. */
export const follow = (events: Stream.Stream<PoolEvent.PoolEvent>, now: () => number): Effect.Effect<void> =>
  Effect.suspend(() => {
    const outages = new Map<string, Outage>()
    const begin = (id: string): Outage => {
      const outage: Outage = { since: now(), isQuarantineTold: false }
      outages.set(id, outage)
      for (const oldest of outages.keys()) {
        if (outages.size <= mostOutages) break
        outages.delete(oldest)
      }
      return outage
    }
    const tell = (event: PoolEvent.PoolEvent): Effect.Effect<void> => {
      // The pool itself warns of it.
      if (event._tag === "LeaseOverdue") return Effect.void
      const { fingerprint, key } = event
      if (event._tag !== "SlotMoved") return Effect.logDebug(`${key}: ${moveOf(event)}`)
      // What two names share is lost to both.
      const id = `${fingerprint} ${key}`
      const outage = outages.get(id)
      const move = Effect.logDebug(`${key}: ${moveOf(event)}`)
      switch (event.to) {
        case "Ready": {
          if (outage === undefined) return move
          outages.delete(id)
          return Effect.logInfo(`${key}: connected again after ${durationOf(now() - outage.since)}`)
        }
        case "Quarantined": {
          const known = outage ?? begin(id)
          if (known.isQuarantineTold) return move
          known.isQuarantineTold = true
          const pause = durationOf(event.retryInMillis ?? 0)
          return Effect.logWarning(`${key}: keeps failing, next try in ${pause}: ${wordsOf(event.cause, key)}`)
        }
        case "Backoff":
        case "Idle": {
          // A connection that is retired has words of the pool's own for it.
          if (event.from === "Ready" && event.to === "Idle" && isReason(event.cause)) {
            return Effect.logInfo(`${key}: ${lossOf(event)} It is opened again when it is needed.`)
          }
          // A slot is idle after a failure that will not heal, and after much that is none.
          const isFailure = event.to === "Backoff" || (event.from === "Connecting" && event.cause !== undefined)
          if (!isFailure || outage !== undefined) return move
          begin(id)
          return Effect.logWarning(`${key}: ${lossOf(event)} ${nextTry(event)}`)
        }
        default:
          return move
      }
    }
    return Stream.runForEach(
      events,
      // A failing logger cannot log its failure: the next line is tried all the same.
      (event) => Effect.catchDefect(Effect.annotateLogs(tell(event), annotation, event.key), () => Effect.void)
    )
  })

/** Why, without the name of the server that the line begins with. */
const wordsOf = (cause: unknown, key: string): string => {
  // The pool's own words.
  if (typeof cause === "string") return cause
  if (!isReason(cause)) return "an error that is not the server's"
  const { message } = cause
  return message.startsWith(`${key}: `) ? message.slice(key.length + 2) : message
}

const lossOf = ({ cause, from, key }: PoolEvent.SlotMoved): string => {
  const words = wordsOf(cause, key)
  const sentence = /[.?!]$/.test(words) ? words : `${words}.`
  if (from !== "Ready") return isReason(cause) ? sentence : `could not connect: ${sentence}`
  return sentence.startsWith("connection lost") ? sentence : `connection lost: ${sentence}`
}

const nextTry = ({ retryInMillis }: PoolEvent.SlotMoved): string =>
  retryInMillis === undefined || retryInMillis < 1
    ? "It is tried again when it is needed."
    : `Next try in ${durationOf(retryInMillis)}, if it is needed.`

const moveOf = (event: PoolEvent.SlotMoved | PoolEvent.ConnectionMoved | PoolEvent.HealthChanged): string => {
  if (event._tag === "HealthChanged") return `connection ${event.connection} is ${event.health}`
  const what = event._tag === "SlotMoved" ? `slot ${event.slot}` : `connection ${event.connection}`
  const why = event.cause === undefined ? "" : `: ${wordsOf(event.cause, event.key)}`
  return `${what}: ${event.from} -> ${event.to}${why}`
}

const durationOf = (millis: number): string => {
  if (millis < 1000) return `${Math.round(millis)} ms`
  const seconds = Math.round(millis / 1000)
  if (seconds < 60) return `${Number((millis / 1000).toFixed(1))} s`
  const minutes = Math.floor(seconds / 60)
  const [large, small] = minutes < 60
    ? [`${minutes} min`, `${seconds % 60} s`]
    : [`${Math.floor(minutes / 60)} h`, `${minutes % 60} min`]
  return small.startsWith("0 ") ? large : `${large} ${small}`
}
