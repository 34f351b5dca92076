/**
 * What every connector must keep for the pool to keep its own promises. One suite, run for simulated and for real peers.
 */
import { assert } from "@effect/vitest"
import type { Connector } from "@holdfast/core"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"

/** A connector with peers to dial, and ways to look at the peers' side. */
export interface Subject<K, C, E> {
  readonly connector: Connector.Connector<K, C, E>
  /** A peer that works and lives on. */
  readonly living: K
  /** A peer that works until `lose`. */
  readonly mortal: K
  /** A peer that works until `silence`. */
  readonly silent: K
  /** A peer that hangs up on every dial, and one that never answers any. */
  readonly refusing: K
  readonly ignoring: K
  /** Proves that the connection works. */
  readonly use: (connection: C) => Effect.Effect<unknown, unknown>
  /** Makes the peer drop this connection. */
  readonly lose: (connection: C) => Effect.Effect<void>
  /** Makes the peer answer nothing any more, without a word. */
  readonly silence: (connection: C) => Effect.Effect<unknown, unknown>
  /** The connector counts what it receives; it may leave signs of life to the probes. */
  readonly hasReceived: boolean
  /** Waits until so many connections exist on the peers' side, half-made ones included. */
  readonly awaitOpen: (count: number) => Effect.Effect<void>
  /** Waits until the peers have seen so many dials, ever. */
  readonly awaitDialled: (count: number) => Effect.Effect<void>
}

const now = { startImmediately: true } as const

/** Dials in a Scope of its own, as the pool does. */
const dialIn = Effect.fnUntraced(function*<K, C, E>({ connector }: Subject<K, C, E>, key: K) {
  const scope = yield* Effect.acquireRelease(Scope.make(), (scope) => Scope.close(scope, Exit.void))
  return { scope, dialled: yield* Scope.provide(connector.dial(key), scope) }
})

interface ContractPromise {
  readonly name: string
  readonly check: <K, C, E>(subject: Subject<K, C, E>) => Effect.Effect<void, unknown, Scope.Scope>
}

export const promises: ReadonlyArray<ContractPromise> = [
  {
    name: "a dial gives a connection that works, and closing its Scope closes it",
    check: Effect.fnUntraced(function*(subject) {
      const { dialled, scope } = yield* dialIn(subject, subject.living)
      yield* subject.use(dialled.value)
      yield* subject.awaitOpen(1)
      yield* Scope.close(scope, Exit.void)
      yield* subject.awaitOpen(0)
    })
  },
  {
    name: "closing a connection leaves its neighbours alone, and is no loss",
    check: Effect.fnUntraced(function*(subject) {
      const one = yield* dialIn(subject, subject.living)
      const other = yield* dialIn(subject, subject.living)
      const watching = yield* Effect.forEach([one, other], ({ dialled }) => Effect.forkChild(dialled.closed, now))
      yield* Scope.close(one.scope, Exit.void)
      yield* subject.awaitOpen(1)
      yield* subject.use(other.dialled.value)
      for (const watcher of watching) assert.isUndefined(watcher.pollUnsafe())
    })
  },
  {
    name: "`closed` stays silent while the connection works, and tells its loss, always with the same cause",
    check: Effect.fnUntraced(function*(subject) {
      const { dialled } = yield* dialIn(subject, subject.mortal)
      const watching = yield* Effect.forkChild(dialled.closed, now)
      yield* subject.use(dialled.value)
      assert.isUndefined(watching.pollUnsafe())
      yield* subject.lose(dialled.value)
      const cause = yield* Fiber.join(watching)
      assert.instanceOf(cause, Error)
      assert.strictEqual(yield* dialled.closed, cause)
      yield* Effect.yieldNow
      assert.strictEqual(yield* dialled.closed, cause)
    })
  },
  {
    name: "a refused dial fails typed and leaves nothing",
    check: Effect.fnUntraced(function*(subject) {
      const exit = yield* Effect.exit(Effect.scoped(subject.connector.dial(subject.refusing)))
      assert.isTrue(Exit.isFailure(exit) && exit.cause.reasons.every((reason) => reason._tag === "Fail"))
      yield* subject.awaitDialled(1)
      yield* subject.awaitOpen(0)
    })
  },
  {
    name: "a dial interrupted at once leaves nothing",
    check: Effect.fnUntraced(function*(subject) {
      const dial = yield* Effect.forkChild(Effect.scoped(subject.connector.dial(subject.living)), now)
      yield* Fiber.interrupt(dial)
      // Peers take dials in order: with the next one here, a leftover of the first would be here too.
      const { dialled } = yield* dialIn(subject, subject.living)
      yield* subject.use(dialled.value)
      yield* subject.awaitOpen(1)
    })
  },
  {
    name: "a dial interrupted while the peer holds it leaves nothing",
    check: Effect.fnUntraced(function*(subject) {
      const dial = yield* Effect.forkChild(Effect.scoped(subject.connector.dial(subject.ignoring)), now)
      yield* subject.awaitDialled(1)
      yield* subject.awaitOpen(1)
      assert.isUndefined(dial.pollUnsafe())
      yield* Fiber.interrupt(dial)
      yield* subject.awaitOpen(0)
    })
  },
  {
    name: "a probe of a living peer succeeds, time and again",
    check: Effect.fnUntraced(function*(subject) {
      const { dialled } = yield* dialIn(subject, subject.living)
      assert.isDefined(dialled.probe)
      for (let i = 0; i < 3; i++) yield* dialled.probe ?? Effect.void
      yield* subject.use(dialled.value)
    })
  },
  {
    name: "a probe of a lost connection fails",
    check: Effect.fnUntraced(function*(subject) {
      const { dialled } = yield* dialIn(subject, subject.mortal)
      yield* subject.lose(dialled.value)
      yield* dialled.closed
      assert.instanceOf(yield* Effect.flip(dialled.probe ?? Effect.void), Error)
    })
  },
  {
    name: "a probe of a peer that fell silent does not succeed, and `closed` does not guess",
    check: Effect.fnUntraced(function*(subject) {
      const { dialled } = yield* dialIn(subject, subject.silent)
      const watching = yield* Effect.forkChild(dialled.closed, now)
      yield* subject.silence(dialled.value)
      const exit = yield* Effect.timeoutOption(Effect.exit(dialled.probe ?? Effect.void), "200 millis")
      assert.isFalse(Option.isSome(exit) && Exit.isSuccess(exit.value))
      assert.isUndefined(watching.pollUnsafe())
    })
  },
  {
    name: "what a connection says it received grows with every answer, and only then",
    check: Effect.fnUntraced(function*(subject) {
      const { dialled } = yield* dialIn(subject, subject.living)
      const { received } = dialled
      assert.strictEqual(received !== undefined, subject.hasReceived)
      if (received === undefined) return
      const before = received()
      assert.strictEqual(received(), before)
      yield* subject.use(dialled.value)
      const after = received()
      assert.isAbove(after, before)
      yield* dialled.probe ?? Effect.void
      assert.isAbove(received(), after)
    })
  },
  {
    name: "keys have identities of their own, the same at every look",
    check: ({ connector, living, refusing }) =>
      Effect.sync(() => {
        assert.notStrictEqual(connector.fingerprint(living), connector.fingerprint(refusing))
        assert.strictEqual(connector.fingerprint(living), connector.fingerprint(living))
      })
  }
]
