/**
 * The host with sessions in a simulated world: a policy, servers good and bad and a crowd of clients, all drawn from one seed, and the
 * invariants that must hold in every run. Everything between a request and its response is the real thing.
 */
import * as SessionRegistry from "@holdfast/server/SessionRegistry"
import * as SeededRandom from "@holdfast/testkit/SeededRandom"
import * as Simulation from "@holdfast/testkit/Simulation"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as HttpSessions from "../../src/internal/http/HttpSessions.ts"
import * as LegacySse from "../../src/internal/http/LegacySse.ts"
import { refuseStateless } from "../../src/internal/http/refuseStateless.ts"
import * as StreamableHttp from "../../src/internal/http/StreamableHttp.ts"
import { SimulatedClient, Visit } from "./SimulatedClient.ts"
import * as SimulatedServer from "./SimulatedServer.ts"
import { SimulatedSseClient, type SseWorld } from "./SimulatedSseClient.ts"

export interface Violation {
  readonly invariant: string
  readonly atMillis: number
  readonly detail: string
}

export interface HostRun {
  readonly seed: number
  readonly hash: number
  readonly virtualMillis: number
  readonly violations: ReadonlyArray<Violation>
  /** What clients and sessions met with, to see that a simulation exercises what it claims to. */
  readonly outcomes: ReadonlyMap<string, number>
}

export const run = (seed: number): HostRun => {
  const random = SeededRandom.make(seed ^ 0x5EED)
  const violations: Array<Violation> = []
  const outcomes = new Map<string, number>()
  const note = (outcome: string): void => void outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
  // Where the program's own event loop stalls, and the clock is set, nothing is in time; all else still holds.
  const isPunctual = random.chance(0.75)
  const report = Simulation.run(
    seed,
    program(random, isPunctual, violations, note),
    isPunctual ? {} : { stalls: { chance: 0.03, maxMillis: 4000, onStall: () => note("stalled") } }
  )
  const fault = Simulation.failureOf(report)
  if (fault !== undefined) violations.push({ invariant: "the run ends", atMillis: report.virtualMillis, detail: fault })
  if (report.sleepersLeft + report.tasksLeft > 0) {
    const detail = `${report.sleepersLeft} sleepers, ${report.tasksLeft} tasks`
    violations.push({ invariant: "nothing is left running", atMillis: report.virtualMillis, detail })
  }
  return { seed, hash: report.hash, virtualMillis: report.virtualMillis, violations, outcomes }
}

/** The first run in which something breaks. */
export const firstViolation = (from: number, seeds: number): HostRun | undefined => {
  for (let seed = from; seed < from + seeds; seed++) {
    const one = run(seed)
    if (one.violations.length > 0) return one
  }
  return undefined
}

export const explain = ({ seed, violations }: HostRun): string =>
  [
    `seed ${seed}`,
    ...violations.slice(0, 5).map(({ atMillis, detail, invariant }) => `${atMillis} ms: ${invariant}: ${detail}`)
  ]
    .join("\n")

const program = Effect.fnUntraced(function*(
  random: SeededRandom.SeededRandom,
  isPunctual: boolean,
  violations: Array<Violation>,
  note: (outcome: string) => void
) {
  const clock = yield* Clock.Clock
  const violate = (invariant: string, detail: string): void =>
    void violations.push({ invariant, atMillis: clock.currentTimeMillisUnsafe(), detail })
  const late = isPunctual ? violate : () => {}
  const losesNothing = random.chance(0.5)
  const scope = yield* Scope.make()
  const registry = yield* Scope.provide(
    SessionRegistry.make({
      idleTimeout: random.int(2000, 20_000),
      sweepInterval: random.int(200, 3000),
      halfOpenTimeout: random.int(1000, 6000),
      maxSessions: random.int(1, 6),
      maxSessionsPerPrincipal: random.int(1, 4),
      maxInFlight: random.int(1, 4),
      heartbeatInterval: random.int(300, 3000),
      pingInterval: random.int(1000, 5000),
      maxBufferedBytes: losesNothing ? Number.POSITIVE_INFINITY : random.int(1024, 8000),
      maxReplayBytes: random.chance(0.1) ? 0 : random.int(100, 4000),
      drainTimeout: random.int(0, 10_000)
    }),
    scope
  )
  const { policy } = registry
  const runFork = Effect.runForkWith(yield* Effect.context())
  const servers: SimulatedServer.ServerWorld = {
    random,
    fork: (effect) => runFork(effect),
    handshake: policy.halfOpenTimeout,
    held: 0,
    making: 0,
    asked: new Set(),
    violate
  }
  const hosted = yield* Scope.provide(
    HttpSessions.make({
      registry: {
        ...registry,
        open: (options) =>
          Effect.tap(registry.open(options), ({ session }) =>
            Effect.map(Visit, (visit) => {
              if (visit !== undefined) {
                visit.session = session
                session.onClosing((reason) => void (visit.reason = reason))
              }
              let wasActive = false
              const { activate } = session
              Object.assign(session, {
                activate: () => {
                  wasActive ||= session.state() === "connecting"
                  activate()
                }
              })
              session.onClosing((reason) => {
                const use = session.inFlight() + session.openStreams()
                if (reason === "stale" && use > 0) violate("what is in use is never stale", `${session.number}: ${use}`)
                if (reason === "stale" && !wasActive) violate("what was never used is half-open", `${session.number}`)
                if (reason === "half-open" && wasActive) violate("a handshake is over when it is", `${session.number}`)
              })
            }))
      },
      server: SimulatedServer.make(servers),
      revisions: ["2025-11-25"]
    }),
    scope
  )
  const client: SseWorld = {
    random,
    serve: (request, who) => StreamableHttp.handle(hosted, refuseStateless, request, who),
    open: (request, who) => LegacySse.open(hosted, request, who, { stream: "/sse", messages: "/message" }),
    post: (request, who) => LegacySse.post(hosted, request, who),
    isDraining: registry.isDraining,
    // A server that cannot be made is given five seconds to let go of what it holds.
    patience: policy.halfOpenTimeout + policy.sweepInterval + 5000,
    asked: servers.asked,
    losesNothing: losesNothing && policy.maxReplayBytes > 0,
    note,
    violate,
    late
  }

  const states = new Map<number, string>()
  const watching = yield* Effect.forkChild(
    Stream.runForEach(registry.events, ({ reason, session, state }) =>
      Effect.sync(() => {
        const before = states.get(session)
        const isLegal = { connecting: undefined, active: "connecting", closed: "closing" }
        const isNext = state === "closing" ? before === "connecting" || before === "active" : before === isLegal[state]
        if (!isNext) violate("a session goes forward only", `${session}: ${before} to ${state}`)
        states.set(session, state)
        if (state === "closed") note(`closed: ${reason}`)
      })),
    { startImmediately: true }
  )
  // From here on it is watched.
  yield* Effect.sleep(1)
  const look = Effect.map(registry.snapshot, (seen) => {
    const { length } = seen.sessions
    if (length > policy.maxSessions) violate("there are no more sessions than allowed", `${length}`)
    for (const who of ["a", "b"]) {
      const count = seen.sessions.filter(({ principal }) => principal === who).length
      if (count > (policy.maxSessionsPerPrincipal ?? 0)) {
        violate("nobody has more sessions than allowed", `${who}: ${count}`)
      }
    }
    for (const one of seen.sessions) {
      const { ageMillis, idleMillis, inFlight, openStreams, session, state } = one
      if (state === "connecting" && ageMillis > policy.halfOpenTimeout + policy.sweepInterval) {
        late("a handshake ends in its time", `${session}: ${ageMillis} ms`)
      }
      const isUnused = state === "active" && inFlight + openStreams === 0
      if (isUnused && idleMillis > policy.idleTimeout + policy.sweepInterval) {
        late("what is not used ends", `${session}: ${idleMillis} ms`)
      }
      if (state === "closing" && inFlight > 0) violate("nobody waits for what is closing", `${session}: ${inFlight}`)
    }
    const closed = Object.values(seen.closed).reduce((sum, count) => sum + count, 0)
    if (closed + seen.sessions.length !== seen.opened) {
      violate("every session is open, or closed for one reason", `${closed} + ${seen.sessions.length}, ${seen.opened}`)
    }
    return seen
  })
  const looking = yield* Effect.suspend(() => Effect.sleep(random.int(10, 500))).pipe(
    Effect.andThen(look),
    Effect.forever,
    Effect.forkChild
  )

  const drain = Effect.gen(function*() {
    const began = clock.currentTimeMillisUnsafe()
    yield* registry.drain()
    const took = clock.currentTimeMillisUnsafe() - began
    // What is still being released may be left, and is waited for five seconds.
    if (took > policy.drainTimeout + 5000) late("a drain ends at its deadline", `${took} ms`)
    const { sessions } = yield* look
    if (sessions.some(({ state }) => state !== "closing")) violate("a drain closes everything", "")
    note("drained")
  })
  const operating = yield* Effect.suspend(() => Effect.sleep(random.int(1000, 40_000))).pipe(
    Effect.andThen(registry.snapshot),
    Effect.flatMap(({ sessions: [first, ...rest] }) =>
      first === undefined ? Effect.void : registry.close(random.pick([first, ...rest]).session)
    ),
    Effect.forever,
    Effect.forkChild
  )
  const draining = random.chance(0.4)
    ? yield* Effect.forkChild(Effect.andThen(Effect.sleep(random.int(0, 40_000)), drain))
    : undefined

  const clients = Array.from(
    { length: random.int(1, 8) },
    (_, index) => {
      const who = random.pick(["a", "b"])
      return random.chance(0.8)
        ? new SimulatedClient(client, `c${index}`, who)
        : new SimulatedSseClient(client, `s${index}`, who)
    }
  )
  const exits = yield* Effect.forEach(clients, (one) => Effect.exit(one.live()), { concurrency: "unbounded" })
  for (const exit of exits) if (Exit.isFailure(exit)) violate("no client breaks", Cause.pretty(exit.cause))
  // Servers that cannot be stopped have their time.
  yield* Effect.sleep(policy.idleTimeout + policy.halfOpenTimeout * 2 + policy.sweepInterval + 20_000)
  yield* Fiber.interruptAll([looking, operating])
  const unread = (yield* look).openStreams
  if (unread > 0) violate("no stream is open that nobody reads", `${unread}`)
  if (draining !== undefined) yield* Fiber.join(draining)
  yield* Scope.close(scope, Exit.void)
  const { inFlight, openStreams, sessions } = yield* look
  if (sessions.length > 0) violate("nothing is left in the end", sessions.map(({ state }) => state).join())
  if (inFlight + openStreams > 0) violate("nobody is left waiting", `${inFlight} requests, ${openStreams} streams`)
  if (servers.held + servers.making > 0) violate("nothing stays acquired", `${servers.held}, ${servers.making}`)
  yield* Fiber.await(watching)
  // Handlers that nothing stops have their time, too.
  yield* Effect.sleep(120_000)
})
