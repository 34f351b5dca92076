/**
 * The registry under random use: a model beside it says what must be true after every step. Same seed, same steps.
 *
 * Invariants: the registry holds exactly what the model holds, in the same states; what is in use is never swept, what is not is swept
 * within one sweep of its time; every session that was opened is closed with exactly one reason; nothing is left at the end.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Principal from "@holdfast/protocol/Principal"
import type { CloseReason, SessionShape } from "@holdfast/server/Session"
import * as SessionRegistry from "@holdfast/server/SessionRegistry"
import * as SeededRandom from "@holdfast/testkit/SeededRandom"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"

const idle = 60_000
const halfOpen = 10_000
const interval = 5000
const limit = 12

interface Modelled {
  readonly session: SessionShape
  readonly id: string
  readonly principal: Principal.Principal
  readonly openedAt: number
  isActive: boolean
  lastSeen: number
  readonly requests: Array<() => void>
  readonly streams: Array<() => void>
}

const run = (seed: number) =>
  Effect.gen(function*() {
    const random = SeededRandom.make(seed)
    const scope = yield* Scope.make()
    const registry = yield* Scope.provide(
      SessionRegistry.make({
        idleTimeout: idle,
        halfOpenTimeout: halfOpen,
        sweepInterval: interval,
        maxSessions: limit
      }),
      scope
    )
    const living: Array<Modelled> = []
    const reasons: Array<CloseReason> = []
    let now = 0
    let opened = 0
    const pick = <A>(items: ReadonlyArray<A>): A | undefined => items[Math.floor(random.next() * items.length)]
    const gone = (one: Modelled, reason: CloseReason): void => {
      living.splice(living.indexOf(one), 1)
      reasons.push(reason)
    }
    const inUse = ({ requests, streams }: Modelled): boolean => requests.length + streams.length > 0

    for (let step = 0; step < 120; step++) {
      const one = pick(living)
      const dice = random.next()
      if (dice < 0.25 || one === undefined) {
        const principal = Principal.make(random.next() < 0.5 ? "a" : "b")
        const own = living.filter((each) => Principal.isSame(each.principal, principal))
        const others = living.filter((each) => !own.includes(each))
        const isFull = living.length >= limit
        const isWithinShare = own.length < Math.floor(limit * 0.75)
        // Those with a stream come last; of the others the one unused for longest comes first.
        const [victim] = others.length < own.length + 2 ? [] : others.filter(({ requests }) => requests.length === 0)
          .toSorted((a, b) => Math.min(a.streams.length, 1) - Math.min(b.streams.length, 1) || a.lastSeen - b.lastSeen)
        const result = yield* Effect.result(registry.open({ principal, transport: "streamable-http" }))
        assert.strictEqual(result._tag === "Success", isWithinShare && (!isFull || victim !== undefined))
        if (isFull && isWithinShare && victim !== undefined) gone(victim, "limit")
        if (result._tag === "Success") {
          opened++
          const { id, session } = result.success
          living.push({
            session,
            id: Redacted.value(id),
            principal,
            openedAt: now,
            isActive: false,
            lastSeen: now,
            requests: [],
            streams: []
          })
        }
      } else if (dice < 0.4) {
        one.session.activate()
        one.isActive = true
      } else if (dice < 0.5) {
        one.session.touch()
        one.lastSeen = now
      } else if (dice < 0.6) {
        if (random.next() < 0.5) one.requests.push(one.session.holdRequest())
        else one.streams.push(one.session.holdStream())
        one.lastSeen = now
      } else if (dice < 0.72) {
        const held = [...one.requests, ...one.streams]
        const release = pick(held)
        if (release !== undefined) {
          release()
          release()
          for (const list of [one.requests, one.streams]) {
            if (list.includes(release)) list.splice(list.indexOf(release), 1)
          }
          one.lastSeen = now
        }
      } else if (dice < 0.8) {
        const reason = random.next() < 0.5 ? "client" : "operator"
        yield* one.session.close(reason)
        yield* one.session.close("error")
        gone(one, reason)
      } else {
        const millis = Math.floor(random.next() * 2 * interval)
        for (let passed = 0; passed < millis;) {
          const part = Math.min(millis - passed, interval - (now % interval))
          yield* TestClock.adjust(part)
          now += part
          passed += part
          if (now % interval !== 0) continue
          // The sweep has been: what was due then is gone, and nothing else.
          for (const each of [...living]) {
            // Neither a stream nor a request is a sign of a handshake.
            if (!each.isActive && now - each.openedAt >= halfOpen) gone(each, "half-open")
            else if (each.isActive && !inUse(each) && now - each.lastSeen >= idle) gone(each, "stale")
          }
        }
      }
      const { closed, sessions } = yield* registry.snapshot
      assert.deepStrictEqual(
        sessions.map(({ session, state }) => [session, state]),
        living.map(({ isActive, session }) => [session.number, isActive ? "active" : "connecting"]),
        `seed ${seed}, step ${step}`
      )
      assert.strictEqual(Object.values(closed).reduce((sum, count) => sum + count, 0), reasons.length)
      for (const each of living) {
        assert.strictEqual(yield* registry.find(each.id, each.principal), each.session)
        const other = Principal.make(each.principal.id === "a" ? "b" : "a")
        assert.strictEqual((yield* Effect.exit(registry.find(each.id, other)))._tag, "Failure")
      }
    }
    yield* Scope.close(scope, Exit.void)
    const { closed, sessions } = yield* registry.snapshot
    assert.isEmpty(sessions)
    assert.strictEqual(Object.values(closed).reduce((sum, count) => sum + count, 0), opened)
    for (const reason of ["client", "operator", "stale", "half-open", "limit"] as const) {
      assert.strictEqual(closed[reason], reasons.filter((each) => each === reason).length)
    }
    return closed
  })

describe("a registry under random use", () => {
  it.effect("holds what a model of it holds, after every step of a hundred histories", () =>
    Effect.gen(function*() {
      const met = new Set<string>()
      for (let seed = 1; seed <= 100; seed++) {
        for (const [reason, count] of Object.entries(yield* run(seed))) if (count > 0) met.add(reason)
      }
      // A simulation that meets nothing proves nothing.
      assert.includeMembers([...met], ["client", "operator", "stale", "half-open", "limit", "drain"])
    }))
})
