/**
 * What every connector must keep for the pool to keep its own promises. One suite, run for simulated and for real peers.
 */
import { assert } from "@effect/vitest"
import type { Connector } from "@holdfast/core"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"

/** A connector with a peer to dial, and ways to look at the peer's side. */
export interface Subject<K, C, E> {
  readonly connector: Connector.Connector<K, C, E>
  /** A peer that accepts, and one that refuses. */
  readonly living: K
  readonly refusing: K
  /** Proves that the connection works. */
  readonly use: (connection: C) => Effect.Effect<unknown, unknown>
  /** Makes the peer drop this connection. */
  readonly lose: (connection: C) => Effect.Effect<void>
  /** Connections that exist on the peer's side. Waits until they are `count`. */
  readonly awaitOpen: (count: number) => Effect.Effect<void>
}

export const promises: ReadonlyArray<{
  readonly name: string
  readonly check: <K, C, E>(subject: Subject<K, C, E>) => Effect.Effect<void, unknown, Scope.Scope>
}> = [
  {
    name: "a dial gives a connection that works, and closing its Scope closes it",
    check: Effect.fnUntraced(function*(subject) {
      const scope = yield* Scope.make()
      const dialled = yield* Scope.provide(subject.connector.dial(subject.living), scope)
      yield* subject.use(dialled.value)
      yield* subject.awaitOpen(1)
      yield* Scope.close(scope, Exit.void)
      yield* subject.awaitOpen(0)
    })
  },
  {
    name: "`closed` stays silent while the connection works, and tells its loss",
    check: Effect.fnUntraced(function*(subject) {
      const dialled = yield* subject.connector.dial(subject.living)
      const watching = yield* Effect.forkChild(dialled.closed, { startImmediately: true })
      yield* subject.use(dialled.value)
      assert.isUndefined(watching.pollUnsafe())
      yield* subject.lose(dialled.value)
      assert.instanceOf(yield* Fiber.join(watching), Error)
    })
  },
  {
    name: "a refused dial fails typed and leaves nothing",
    check: Effect.fnUntraced(function*(subject) {
      const exit = yield* Effect.exit(Effect.scoped(subject.connector.dial(subject.refusing)))
      assert.isTrue(Exit.isFailure(exit) && exit.cause.reasons.every((reason) => reason._tag === "Fail"))
      yield* subject.awaitOpen(0)
    })
  },
  {
    name: "an interrupted dial leaves nothing",
    check: Effect.fnUntraced(function*(subject) {
      const dial = yield* Effect.forkChild(Effect.scoped(subject.connector.dial(subject.living)), {
        startImmediately: true
      })
      yield* Fiber.interrupt(dial)
      yield* subject.awaitOpen(0)
    })
  },
  {
    name: "a probe of a living peer succeeds, and dials have identities of their own",
    check: Effect.fnUntraced(function*(subject) {
      const dialled = yield* subject.connector.dial(subject.living)
      assert.isDefined(dialled.probe)
      yield* dialled.probe ?? Effect.void
      const { fingerprint } = subject.connector
      assert.notStrictEqual(fingerprint(subject.living), fingerprint(subject.refusing))
      assert.strictEqual(fingerprint(subject.living), fingerprint(subject.living))
    })
  }
]
