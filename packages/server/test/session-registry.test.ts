/** The life of sessions, without a socket. */
import { assert, describe, it } from "@effect/vitest"
import * as Principal from "@holdfast/protocol/Principal"
import type { SessionPolicyInput } from "@holdfast/server/SessionPolicy"
import * as SessionRegistry from "@holdfast/server/SessionRegistry"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"

const opened = { principal: Principal.local, transport: "streamable-http" } as const

const active = (registry: SessionRegistry.SessionRegistry["Service"], options: SessionRegistry.OpenOptions = opened) =>
  Effect.map(registry.open(options), ({ id, session }) => {
    session.activate()
    return { id: Redacted.value(id), session }
  })

const stateOf = (registry: SessionRegistry.SessionRegistry["Service"]) =>
  Effect.map(registry.snapshot, ({ sessions }) => sessions.map(({ session, state }) => `${session} ${state}`))

describe("a registry of sessions", () => {
  it.effect("shows every state a session goes through, and ends it with one reason however often it is closed", () =>
    Effect.gen(function*() {
      const registry = yield* SessionRegistry.make()
      const events = yield* registry.events.pipe(Stream.take(4), Stream.runCollect, Effect.forkChild)
      yield* Effect.yieldNow
      const { session } = yield* active(registry)
      yield* Effect.all([session.close("client"), session.close("operator"), session.close("error")], {
        concurrency: "unbounded"
      })
      assert.deepStrictEqual([...(yield* Fiber.join(events))].map(({ reason, state }) => [state, reason]), [
        ["connecting", undefined],
        ["active", undefined],
        ["closing", "client"],
        ["closed", "client"]
      ])
      assert.deepInclude((yield* registry.snapshot).closed, { client: 1, operator: 0, error: 0 })
      assert.strictEqual(yield* session.closed, "client")
    }))

  it.effect("ends what belongs to a session with it, before it is closed", () =>
    Effect.gen(function*() {
      const registry = yield* SessionRegistry.make()
      const { session } = yield* active(registry)
      const held = yield* Deferred.make<void>()
      const order: Array<string> = []
      session.onClosing((reason) => void order.push(`closing: ${reason}`))
      yield* Scope.addFinalizer(
        session.scope,
        Effect.andThen(Deferred.await(held), Effect.sync(() => void order.push("released")))
      )
      const closing = yield* Effect.forkChild(session.close("client"), { startImmediately: true })
      assert.strictEqual(session.state(), "closing")
      yield* Deferred.succeed(held, undefined)
      yield* Fiber.join(closing)
      assert.deepStrictEqual(order, ["closing: client", "released"])
      assert.strictEqual(session.state(), "closed")
    }))

  it.effect("a handler may close the session it belongs to", () =>
    Effect.gen(function*() {
      const registry = yield* SessionRegistry.make()
      const { session } = yield* active(registry)
      yield* Effect.forkIn(session.close("operator"), session.scope, { startImmediately: true })
      assert.strictEqual(yield* session.closed, "operator")
    }))

  it.effect("sweeps what was idle for too long, no sooner than one sweep later, and never what is in use", () =>
    Effect.gen(function*() {
      const registry = yield* SessionRegistry.make({ idleTimeout: "5 minutes", sweepInterval: "30 seconds" })
      yield* active(registry)
      const streaming = yield* active(registry)
      const busy = yield* active(registry)
      streaming.session.holdStream()
      const done = busy.session.holdRequest()
      yield* TestClock.adjust("4 minutes")
      const touched = yield* active(registry)
      assert.lengthOf(yield* stateOf(registry), 4)
      yield* TestClock.adjust("61 seconds")
      assert.deepStrictEqual(yield* stateOf(registry), ["2 active", "3 active", "4 active"])
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(yield* stateOf(registry), ["2 active", "3 active"])
      // The end of a request is a use: the time begins then.
      done()
      done()
      yield* TestClock.adjust("4 minutes")
      assert.strictEqual(busy.session.state(), "active")
      assert.strictEqual(busy.session.inFlight(), 0)
      yield* TestClock.adjust("2 minutes")
      assert.strictEqual(busy.session.state(), "closed")
      assert.strictEqual(touched.session.state(), "closed")
      assert.deepInclude((yield* registry.snapshot).closed, { stale: 3 })
    }))

  it.effect("ends a session whose client never finished the handshake", () =>
    Effect.gen(function*() {
      const registry = yield* SessionRegistry.make({ halfOpenTimeout: "10 seconds", sweepInterval: "1 second" })
      const { session } = yield* registry.open(opened)
      yield* TestClock.adjust("9 seconds")
      assert.strictEqual(session.state(), "connecting")
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual(yield* session.closed, "half-open")
    }))

  it.effect("spares what is used, or has finished its handshake, while a sweep closes others", () =>
    Effect.gen(function*() {
      const registry = yield* SessionRegistry.make({ idleTimeout: "1 minute", halfOpenTimeout: "1 minute" })
      const [first, used, greeted] = [
        yield* active(registry),
        yield* active(registry),
        yield* registry.open(opened)
      ]
      // As a request that comes while the first of many is being closed.
      first.session.onClosing(() => {
        used.session.holdRequest()
        greeted.session.activate()
        greeted.session.touch()
      })
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(first.session.state(), "closed")
      assert.deepStrictEqual(yield* stateOf(registry), ["2 active", "3 active"])
    }))

  it.effect("ends a session though somebody who was to be told of it breaks, and tells the others", () =>
    Effect.gen(function*() {
      const registry = yield* SessionRegistry.make()
      const { session } = yield* active(registry)
      const told: Array<string> = []
      const released = Effect.sync(() => void told.push("released"))
      yield* Scope.addFinalizer(session.scope, released)
      session.onClosing(() => {
        throw new Error("broken")
      })
      session.onClosing((reason) => void told.push(reason))
      const forget = session.onClosing(() => void told.push("what was forgotten"))
      forget()
      yield* session.close("client")
      assert.deepStrictEqual(told, ["client", "released"])
      assert.deepStrictEqual(yield* stateOf(registry), [])
    }))

  it.effect("finds a session by its id for its own principal only, and not at all once it closes", () =>
    Effect.gen(function*() {
      const registry = yield* SessionRegistry.make()
      const me = Principal.make("me")
      const { id, session } = yield* active(registry, { ...opened, principal: me })
      assert.strictEqual(yield* registry.find(id, Principal.make("me", ["more"])), session)
      for (const [asked, principal] of [[id, Principal.make("you")], [`${id}x`, me], ["", me]] as const) {
        assert.strictEqual((yield* Effect.flip(registry.find(asked, principal))).reason._tag, "SessionNotFound")
      }
      yield* session.close("client")
      assert.strictEqual((yield* Effect.flip(registry.find(id, me))).reason._tag, "SessionNotFound")
    }))

  it.effect("shows its sessions by number, never by id", () =>
    Effect.gen(function*() {
      const registry = yield* SessionRegistry.make()
      const { id } = yield* active(registry)
      assert.isAtLeast(id.length, 43)
      assert.notInclude(JSON.stringify(yield* registry.snapshot), id)
      assert.isTrue(yield* registry.close(1))
      assert.isFalse(yield* registry.close(1))
    }))

  it.effect("keeps to its limits, of all and of each principal", () =>
    Effect.gen(function*() {
      const registry = yield* SessionRegistry.make({ maxSessions: 3, maxSessionsPerPrincipal: 2 })
      const open = (name: string) => active(registry, { ...opened, principal: Principal.make(name) })
      const first = yield* open("a")
      const second = yield* open("a")
      assert.deepInclude((yield* Effect.flip(open("a"))).reason, { _tag: "SessionLimit", limit: 2, principal: "a" })
      yield* open("b")
      yield* open("c")
      assert.strictEqual(yield* first.session.closed, "limit")
      assert.deepInclude((yield* Effect.flip(open("d"))).reason, { _tag: "SessionLimit", limit: 3 })
      yield* second.session.close("client")
      yield* open("a")
      assert.strictEqual((yield* registry.snapshot).refused, 2)
    }))

  it.effect("leaves room beside one principal by default, unless there is none but one", () =>
    Effect.gen(function*() {
      const registry = yield* SessionRegistry.make({ maxSessions: 4 })
      const open = (name: string) => active(registry, { ...opened, principal: Principal.make(name) })
      for (let n = 0; n < 3; n++) yield* open("a")
      assert.deepInclude((yield* Effect.flip(open("a"))).reason, { limit: 3, principal: "a" })
      yield* open("b")
      // There was room for it: nobody had to go.
      assert.deepInclude((yield* registry.snapshot).closed, { limit: 0 })
      // Where there is place for one only, it is anybody's.
      yield* active(yield* SessionRegistry.make({ maxSessions: 1 }), { ...opened, principal: Principal.make("a") })
      const alone = yield* SessionRegistry.make({ maxSessions: 4 })
      for (let n = 0; n < 4; n++) yield* active(alone)
      assert.deepInclude((yield* Effect.flip(active(alone))).reason, { limit: 4 })
    }))

  it.effect("a principal with few sessions gets one of a full server: the most idle one of the principal with most goes", () =>
    Effect.gen(function*() {
      const registry = yield* SessionRegistry.make({ maxSessions: 4, maxSessionsPerPrincipal: 4 })
      const open = (name: string) => active(registry, { ...opened, principal: Principal.make(name) })
      const streaming = yield* open("a")
      const release = streaming.session.holdStream()
      const busy = yield* open("a")
      const answered = busy.session.holdRequest()
      yield* open("a")
      yield* TestClock.adjust("1 second")
      yield* open("a")
      // Of the idle ones the older; then the last idle one; then one with a stream. Never one with a request in flight.
      yield* open("b")
      assert.deepStrictEqual(yield* stateOf(registry), ["1 active", "2 active", "4 active", "5 active"])
      yield* open("c")
      assert.deepStrictEqual(yield* stateOf(registry), ["1 active", "2 active", "5 active", "6 active"])
      yield* open("d")
      assert.deepStrictEqual(yield* stateOf(registry), ["2 active", "5 active", "6 active", "7 active"])
      // Nobody has two more than the next.
      assert.deepInclude((yield* Effect.flip(open("e"))).reason, { _tag: "SessionLimit", limit: 4 })
      assert.deepInclude((yield* Effect.flip(open("a"))).reason, { _tag: "SessionLimit", limit: 4 })
      assert.deepInclude((yield* registry.snapshot).closed, { limit: 3 })
      release()
      answered()
    }))

  it.effect("of many that come at once to a full server, none takes more than its share", () =>
    Effect.gen(function*() {
      const registry = yield* SessionRegistry.make({ maxSessions: 20, maxSessionsPerPrincipal: 20 })
      const open = (name: string) => active(registry, { ...opened, principal: Principal.make(name) })
      for (let n = 0; n < 20; n++) yield* open("a")
      yield* Effect.forEach(Array.from({ length: 40 }), () => Effect.exit(open("b")), { concurrency: "unbounded" })
      const count = (name: string) =>
        Effect.map(registry.snapshot, ({ sessions }) => sessions.filter(({ principal }) => principal === name).length)
      assert.deepStrictEqual([yield* count("a"), yield* count("b")], [10, 10])
    }))

  it.effect("what comes while room is being made for others of its principal counts those others", () =>
    Effect.gen(function*() {
      const registry = yield* SessionRegistry.make({ maxSessions: 5, maxSessionsPerPrincipal: 5 })
      const open = (name: string) => active(registry, { ...opened, principal: Principal.make(name) })
      const released = yield* Effect.forEach(Array.from({ length: 5 }), () =>
        Effect.gen(function*() {
          const release = yield* Deferred.make<void>()
          const { session } = yield* open("a")
          yield* Scope.addFinalizer(session.scope, Deferred.await(release))
          return release
        }))
      const begin = Effect.forkChild(Effect.exit(open("b")), { startImmediately: true })
      const [first, second] = [yield* begin, yield* begin]
      const release = (index: number) => Deferred.succeed(released[index] ?? Deferred.makeUnsafe<void>(), undefined)
      yield* release(0)
      assert.isTrue(Exit.isSuccess(yield* Fiber.join(first)))
      // One of its own is there and one is coming, of the other principal three are left.
      assert.strictEqual((yield* Effect.flip(open("b"))).reason._tag, "SessionLimit")
      yield* release(1)
      assert.isTrue(Exit.isSuccess(yield* Fiber.join(second)))
      for (const index of [2, 3, 4]) yield* release(index)
    }))

  it.effect("counts a session until all that it held is released: to come and go makes no room for more", () =>
    Effect.gen(function*() {
      const registry = yield* SessionRegistry.make({ maxSessions: 2, maxSessionsPerPrincipal: 1 })
      const open = (name: string) => active(registry, { ...opened, principal: Principal.make(name) })
      const release = yield* Deferred.make<void>()
      const { session } = yield* open("a")
      yield* Scope.addFinalizer(session.scope, Deferred.await(release))
      const closing = yield* Effect.forkChild(session.close("client"), { startImmediately: true })
      assert.deepInclude((yield* Effect.flip(open("a"))).reason, { limit: 1, principal: "a" })
      yield* open("b")
      assert.deepInclude((yield* Effect.flip(open("c"))).reason, { limit: 2 })
      yield* Deferred.succeed(release, undefined)
      yield* Fiber.join(closing)
      yield* open("a")
      assert.deepStrictEqual(yield* stateOf(registry), ["2 active", "3 active"])
    }))

  it.effect("a drain waits for what is in flight until its deadline, and refuses what is new", () =>
    Effect.gen(function*() {
      const registry = yield* SessionRegistry.make()
      const { session } = yield* active(registry)
      const stuck = yield* active(registry)
      const done = session.holdRequest()
      stuck.session.holdRequest()
      const drain = yield* Effect.forkChild(registry.drain("10 seconds"), { startImmediately: true })
      assert.strictEqual((yield* Effect.flip(registry.open(opened))).reason._tag, "ServerDraining")
      done()
      yield* TestClock.adjust("9 seconds")
      assert.isUndefined(drain.pollUnsafe())
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* Fiber.join(drain), { cutOff: 1, closed: 2 })
      assert.deepInclude((yield* registry.snapshot).closed, { drain: 2 })
    }))

  it.effect("the end of its Scope ends every session", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const registry = yield* Scope.provide(SessionRegistry.make(), scope)
      const { session } = yield* active(registry)
      session.holdStream()
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(yield* session.closed, "drain")
    }))

  it.effect("an option that makes no sense is named, and nothing is started", () =>
    Effect.gen(function*() {
      const inputs: ReadonlyArray<[SessionPolicyInput, string]> = [
        [{ idleTimeout: 0 }, "idleTimeout"],
        [{ maxSessions: 0 }, "maxSessions"],
        [{ maxSessions: 1.5 }, "maxSessions"],
        [{ maxBufferedBytes: 1 }, "maxBufferedBytes"]
      ]
      for (const [input, option] of inputs) {
        const error = yield* Effect.flip(SessionRegistry.make(input))
        assert.deepInclude(error.reason, { _tag: "ServerOptionInvalid", option })
      }
    }))
})
