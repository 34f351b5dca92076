/**
 * A connector whose every step the test decides: when a dial ends and how, when a connection is lost, how long closing takes.
 */
import type { Connector } from "@holdfast/core"
import * as Data from "effect/Data"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"

export class FakeError extends Data.TaggedError("FakeError")<{
  readonly message: string
  /** Default: `retryable`. */
  readonly as?: Connector.Classification
}> {}

export interface FakeConnection {
  readonly id: number
  readonly key: string
  readonly lose: (message: string) => Effect.Effect<void>
}

export interface FakeConnector extends Connector.Connector<string, FakeConnection, FakeError> {
  /** What each dial does, in order; the last one repeats. Default: succeed at once. */
  plan: (dial: number) => Effect.Effect<void, FakeError>
  /** What a probe does. Set before dialling; without it there is none. */
  probe: Effect.Effect<void, FakeError> | undefined
  /** When the connector retires a connection, by its id. Set before dialling; without it never. */
  retired: ((id: number, succeed: Connector.Succeed<FakeConnection>) => Effect.Effect<void>) | undefined
  received: number
  inFlight: number
  /** What closing does. */
  onClose: Effect.Effect<void>
  readonly dials: () => number
  readonly opened: () => number
  readonly closed: () => number
  /** Connections whose scope is open, dials included, at most at once. */
  readonly alive: () => number
  readonly mostAlive: () => number
}

export const make = (options: { readonly exclusiveResource?: boolean } = {}): FakeConnector => {
  let dials = 0
  let opened = 0
  let closed = 0
  let alive = 0
  let mostAlive = 0
  const self: FakeConnector = {
    plan: () => Effect.void,
    onClose: Effect.void,
    probe: undefined,
    retired: undefined,
    received: 0,
    inFlight: 0,
    dials: () => dials,
    opened: () => opened,
    closed: () => closed,
    alive: () => alive,
    mostAlive: () => mostAlive,
    fingerprint: (key) => key,
    classify: (error) => error.as ?? "retryable",
    exclusiveResource: () => options.exclusiveResource ?? false,
    dial: Effect.fnUntraced(function*(key) {
      const id = ++dials
      yield* Effect.acquireRelease(
        Effect.sync(() => {
          alive++
          mostAlive = Math.max(mostAlive, alive)
        }),
        () =>
          Effect.andThen(
            Effect.suspend(() => self.onClose),
            Effect.sync(() => {
              alive--
              closed++
            })
          )
      )
      yield* self.plan(id)
      opened++
      const lost = yield* Deferred.make<FakeError>()
      return {
        value: {
          id,
          key,
          lose: (message) => Effect.asVoid(Deferred.succeed(lost, new FakeError({ message })))
        },
        closed: Deferred.await(lost),
        retired: self.retired === undefined ? undefined : (succeed) => self.retired?.(id, succeed) ?? Effect.never,
        probe: self.probe === undefined ? undefined : Effect.suspend(() => self.probe ?? Effect.void),
        received: () => self.received,
        inFlight: () => self.inFlight
      }
    })
  }
  return self
}
