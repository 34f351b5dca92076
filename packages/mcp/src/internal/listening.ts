/**
 * How a modern server tells of changes: on the answer to a request that stays open, `subscriptions/listen`.
 *
 * The request is repeated when it ends, with a pause that grows while it ends at once, and at once with another filter when the
 * wishes change. It is no work in flight: a connection on which only this waits is idle.
 */
import type * as Messages from "@holdfast/protocol/Messages"
import type { SubscriptionFilter } from "@holdfast/protocol/ModernEra"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { CallFailure } from "../McpConnection.ts"

export interface ListeningOptions {
  readonly server: string
  readonly capabilities: Messages.ServerCapabilities
  /** Listens until the server ends it. */
  readonly listen: (filter: SubscriptionFilter) => Effect.Effect<void, CallFailure>
  /** The resources that are watched now. */
  readonly resources: () => ReadonlyArray<string>
  /** Waits until they are others than these. */
  readonly changed: (from: ReadonlyArray<string>) => Effect.Effect<void>
}

const shortest = 250
const longest = 30_000

/** What lasted this long has earned a short pause again. */
const proven = 10_000

/** Listens for as long as there is something to hear. */
export const keepListening = (options: ListeningOptions): Effect.Effect<void> => {
  const { capabilities, changed, listen, resources, server } = options
  const filter = (uris: ReadonlyArray<string>): SubscriptionFilter => {
    return {
      ...(capabilities.tools?.listChanged === true && { toolsListChanged: true }),
      ...(capabilities.prompts?.listChanged === true && { promptsListChanged: true }),
      ...(capabilities.resources?.listChanged === true && { resourcesListChanged: true }),
      ...(capabilities.resources?.subscribe === true && uris.length > 0 && { resourceSubscriptions: uris })
    }
  }
  const rounds = (pause: number): Effect.Effect<void> =>
    Effect.gen(function*() {
      const uris = resources()
      const wanted = filter(uris)
      if (Object.keys(wanted).length === 0) {
        yield* changed(uris)
        return yield* rounds(shortest)
      }
      const clock = yield* Clock.Clock
      const began = clock.monotonicTimeNanosUnsafe()
      const end = yield* Effect.raceFirst(
        Effect.as(changed(uris), "changed" as const),
        Effect.catch(Effect.as(listen(wanted), "ended" as const), (failure) =>
          Effect.as(
            Effect.logDebug(`${server}: subscriptions/listen ended: ${failure.message}`),
            failure._tag === "ServerError" ? "refused" as const : "ended" as const
          ))
      )
      if (end === "changed") return yield* rounds(shortest)
      // It was asked and said no: the same question will not be answered otherwise.
      if (end === "refused") {
        yield* changed(uris)
        return yield* rounds(shortest)
      }
      const lasted = Number(clock.monotonicTimeNanosUnsafe() - began) / 1e6
      const next = lasted >= proven ? shortest : pause
      yield* Effect.timeoutOption(changed(uris), Duration.millis(next))
      return yield* rounds(Math.min(longest, next * 1.6))
    })
  return rounds(shortest)
}
