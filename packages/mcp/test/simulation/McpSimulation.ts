/**
 * The whole client side of MCP in a simulated world: `McpConnections` with its pool, handshakes, delivery and replay, over memory
 * links to servers that do wrong, called by a crowd. One seed decides all of it.
 */
import { Endpoint } from "@holdfast/mcp/Endpoint"
import type { OpenOwnLink } from "@holdfast/mcp/Link"
import { McpConfig } from "@holdfast/mcp/McpConfig"
import { type CallOptions, McpConnections } from "@holdfast/mcp/McpConnections"
import type { McpRuntimeError } from "@holdfast/mcp/McpRuntimeError"
import * as Messages from "@holdfast/mcp/Messages"
import { MemoryServer } from "@holdfast/mcp/testing"
import { SeededRandom, Simulation } from "@holdfast/testkit"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { ServerMemory } from "../../src/internal/pool/ServerMemory.ts"
import type { Meaning, Violation } from "./LifeAuditor.ts"
import { faultOfTheUser } from "./LifeAuditor.ts"
import { type Asked, McpAuditor } from "./McpAuditor.ts"
import * as McpLife from "./McpLife.ts"
import { draw, type Scenario, smaller } from "./McpScenario.ts"
import * as SimulatedServer from "./SimulatedServer.ts"

export interface McpRun {
  readonly seed: number
  readonly hash: number
  readonly steps: number
  readonly virtualMillis: number
  readonly violations: ReadonlyArray<Violation>
  /** How calls ended, and what servers did: to see that a simulation exercises what it claims to. */
  readonly outcomes: ReadonlyMap<string, number>
}

/** Puts something between the runtime and its servers: for planted faults. */
export type Tamper = (open: OpenOwnLink) => OpenOwnLink

/** More than ten times what a long run takes: what needs more goes round in circles. */
const maxSteps = 20_000

/** Runs one seed and reports what broke. */
export const run = (seed: number, scenario: Scenario = draw(seed), tamper: Tamper = (open) => open): McpRun => {
  const auditor = new McpAuditor(scenario)
  const { outcomes, violations } = auditor
  const stalls = scenario.stallChance === 0 ? undefined : {
    chance: scenario.stallChance,
    maxMillis: 3000,
    onStall: (millis: number) => void (auditor.stalledMillis += millis)
  }
  const memory = new MemoryWatch()
  try {
    const report = Simulation.run(seed, Effect.scoped(live(seed, scenario, auditor, memory, tamper)), {
      maxSteps,
      stalls
    })
    auditor.atEnd(report)
    const { hash, steps, virtualMillis } = report
    return { seed, hash, steps, virtualMillis, violations, outcomes }
  } catch (error) {
    // What throws inside an event of a link surfaces in whoever happened to run it.
    auditor.crashed(error)
    return { seed, hash: 0, steps: 0, virtualMillis: 0, violations, outcomes }
  } finally {
    memory.leave()
  }
}

/** Sees how much the runtime remembers, and makes it remember little. */
class MemoryWatch {
  readonly limit = 2
  readonly #seen = new Set<ServerMemory>()
  readonly leave: () => void

  constructor() {
    const { prototype } = ServerMemory
    const { of } = prototype
    const limit = this.limit
    const see = (memory: ServerMemory) => void this.#seen.add(memory)
    prototype.of = function(fingerprint) {
      this.idleLimit = limit
      see(this)
      return of.call(this, fingerprint)
    }
    this.leave = () => void (prototype.of = of)
  }

  get size(): number {
    return [...this.#seen].reduce((sum, { size }) => sum + size, 0)
  }
}

/** The same seed in a smaller world, as long as it still breaks the same invariant. */
export const shrink = (broken: McpRun): { readonly scenario: Scenario; readonly run: McpRun } => {
  let best = { scenario: draw(broken.seed), run: broken }
  const invariant = broken.violations[0]?.invariant
  for (let isShrinking = true; isShrinking;) {
    isShrinking = false
    for (const scenario of smaller(best.scenario)) {
      const attempt = run(broken.seed, scenario)
      if (!attempt.violations.some((violation) => violation.invariant === invariant)) continue
      best = { scenario, run: attempt }
      isShrinking = true
      break
    }
  }
  return best
}

/** What a test says of a run that broke something. */
export const explain = (broken: McpRun): string => {
  const { run, scenario } = shrink(broken)
  const [violation] = run.violations
  return `seed ${broken.seed}: ${violation?.invariant}: ${violation?.detail} (at ${violation?.atMillis} ms)\n` +
    `replay: node test/simulate/mcp.ts 1 ${broken.seed}\nshrunk to ${JSON.stringify(scenario)}`
}

/** The first seed that breaks something. */
export const firstViolation = (from: number, count: number, tamper?: Tamper): McpRun | undefined => {
  for (let seed = from; seed < from + count; seed++) {
    const attempt = run(seed, undefined, tamper)
    if (attempt.violations.length > 0) return attempt
  }
  return undefined
}

const tampered = (endpoint: Endpoint, tamper: Tamper): Endpoint => {
  const open = endpoint.open && tamper(endpoint.open)
  switch (endpoint._tag) {
    case "Stdio":
      return Endpoint.stdio({ ...endpoint, open })
    case "Http":
      return Endpoint.http({ ...endpoint, open })
    case "Sse":
      return Endpoint.sse({ ...endpoint, open })
  }
}

const live = Effect.fnUntraced(function*(
  seed: number,
  scenario: Scenario,
  auditor: McpAuditor,
  memory: MemoryWatch,
  tamper: Tamper
) {
  const clock = yield* Clock.Clock
  auditor.clock = () => Number(clock.monotonicTimeNanosUnsafe()) / 1e6
  const random = SeededRandom.make(seed ^ 0xCA11)
  const { deadlines, policy, servers } = scenario
  const world = { scenario, auditor, random: SeededRandom.make(seed ^ 0x11FE2) }
  /** Of each name two, where configs change. */
  const instances = yield* Effect.forEach(
    servers,
    (plan) =>
      Effect.forEach(scenario.life.reloads > 0 ? [0, 1] : [0], (instance) => {
        const own = SeededRandom.make(seed ^ plan.name.charCodeAt(0) ^ instance << 20)
        return Effect.map(
          SimulatedServer.make(plan, instance, scenario.life, own, auditor),
          ({ endpoint }) => tampered(endpoint, tamper)
        )
      })
  )
  const configOf = (meanings: ReadonlyMap<string, Meaning>) =>
    McpConfig.make(Object.fromEntries(servers.flatMap(({ era, name }, at) => {
      const meaning = meanings.get(name)
      if (meaning === undefined) return []
      const endpoint = instances[at]?.[meaning.instance]
      if (endpoint === undefined) return []
      const stated = scenario.isEraStated && era !== "both" ? era : "auto" as const
      const tweaked = { ...deadlines, read: deadlines.read + meaning.tweak }
      return [[name, { endpoint, policy, deadlines: tweaked, era: stated }] as const]
    }))).pipe(Effect.orDie)
  const meanings = McpLife.first(scenario)
  auditor.configured(meanings)
  const scope = yield* Scope.make()
  const log = Logger.make(({ logLevel, message }) => {
    if (logLevel === "Error" || logLevel === "Warn") auditor.logged([message].flat().map(String).join(" "))
  })
  const mcp = yield* Scope.provide(
    McpConnections.make(yield* configOf(meanings), {
      clientInfo: { name: "simulation", version: "0" },
      handlers: McpLife.handlers(world),
      policy: {
        maxConnections: scenario.maxConnections,
        drainTimeout: policy.drainTimeout,
        closeTimeout: policy.closeTimeout
      }
    }).pipe(Effect.provideService(Logger.CurrentLoggers, new Set([log]))),
    scope
  )
  const closing = yield* Deferred.make<void>()
  yield* McpLife.listen(mcp, world)
  yield* McpLife.keepWarm(mcp, world, Deferred.await(closing))
  const pause = (most: number) => clock.sleep(Duration.millis(random.int(0, most)))

  const send = (asked: Asked, tool: SimulatedServer.ToolName, options: CallOptions) => {
    const { server, token } = asked
    const call = { name: tool, arguments: { token } }
    const heard = ({ message }: Messages.Progress) => {
      auditor.progress(asked, message)
      if (random.chance(scenario.life.badListeners)) throw new Error(faultOfTheUser)
    }
    const answered = (result: Messages.CallToolResult) => Effect.sync(() => auditor.got(asked, Messages.textOf(result)))
    switch (asked.what) {
      case "use": {
        const hard = random.int(100, 2000)
        return mcp.use(server, (connection) =>
          Effect.suspend(() => {
            const began = auditor.now()
            const stalled = auditor.stalledMillis
            return Effect.onExit(
              Effect.flatMap(
                connection.request("tools/call", call, { hardDeadline: hard, onProgress: heard }),
                // Nobody has looked at it: it is what the servers of this world answer.
                (result) => answered(result as Messages.CallToolResult)
              ),
              () =>
                Effect.sync(() => auditor.kept(asked, hard + auditor.stalledMillis - stalled, auditor.now() - began))
            )
          }), { waitForReady: options.waitForReady })
      }
      case "stream":
        return Stream.runForEach(
          mcp.callToolStream(server, call, options),
          (event) => event._tag === "Progress" ? Effect.void : answered(event.result)
        )
      case "list":
        return mcp.listTools(server, options)
      case "read":
        return Effect.flatMap(
          mcp.readResource(server, `x:${token}`, options),
          ({ contents }) =>
            Effect.sync(() => auditor.got(asked, String(contents[0] && "text" in contents[0] && contents[0].text)))
        )
      default:
        return Effect.flatMap(
          mcp.callTool(server, call, { ...options, ...(random.chance(0.5) && { onProgress: heard }) }),
          answered
        )
    }
  }

  const ask = Effect.fnUntraced(function*(token: string) {
    const server = servers[random.int(0, servers.length - 1)]?.name ?? ""
    const what = random.pick(["call", "call", "call", "call", "call", "call", "stream", "read", "list", "use", "use"])
    const tool = random.pick<SimulatedServer.ToolName>(["write", "write", "read", "safe"])
    const idempotent = random.pick([undefined, undefined, undefined, true, false])
    const deadline = what !== "use" && random.chance(0.6) ? random.int(0, 6000) : undefined
    const asked: Asked = {
      token,
      server,
      what,
      mayRepeat: what === "list" || what === "read" || (what !== "use" && (idempotent ?? tool !== "write")),
      at: auditor.now(),
      stalledBefore: auditor.stalledMillis,
      deadline,
      wasConfigured: auditor.isConfigured(server),
      isSettled: false
    }
    auditor.asked(asked)
    const waitForReady = random.pick([undefined, true, false])
    const options = { deadline, idempotent, waitForReady }
    const fiber = yield* Effect.forkChild(
      // In the caller's own fiber: the auditor must see the end when it comes, not when somebody looks.
      Effect.onExit(
        Effect.suspend(() => send(asked, tool, options)),
        (exit) => Effect.sync(() => auditor.settled(asked, exit))
      ),
      { startImmediately: true }
    )
    if (random.chance(scenario.interrupts)) {
      yield* pause(3000)
      yield* Fiber.interrupt(fiber)
    }
    yield* Fiber.await(fiber)
  })

  /** A call of a server that is met once. Nothing goes wrong there, but there may be no room for it. */
  const visit = Effect.flatMap(
    MemoryServer.make({ era: "modern", transport: "http", tools: { hello: { run: () => Effect.succeed("hello") } } }),
    ({ endpoint }) =>
      Effect.flatMap(
        Effect.exit(mcp.callTool(endpoint, { name: "hello" }, { deadline: 3000 })),
        (exit) => Effect.sync(() => auditor.visited(exit))
      )
  )

  const caller = (number: number) =>
    Effect.forEach(
      Array.from({ length: scenario.asksPerCaller }, (_, i) => `${number}.${i}`),
      (token) =>
        Effect.andThen(
          pause(1500),
          // A few still ask when it is too late.
          Effect.suspend(() =>
            auditor.isClosing && random.chance(0.8)
              ? Effect.void
              : random.chance(scenario.life.strangers)
              ? visit
              : ask(token)
          )
        ),
      { discard: true }
    )
  let watches = 0
  const watching = <A>(server: string, send: Effect.Effect<A, McpRuntimeError>) =>
    Effect.suspend(() => {
      const asked: Asked = {
        token: `watch ${++watches}`,
        server,
        what: "subscribe",
        mayRepeat: true,
        at: auditor.now(),
        stalledBefore: auditor.stalledMillis,
        deadline: undefined,
        wasConfigured: auditor.isConfigured(server),
        isSettled: false
      }
      auditor.asked(asked)
      return Effect.exit(Effect.onExit(send, (exit) => Effect.sync(() => auditor.settled(asked, exit))))
    })
  const others = yield* Effect.forkChild(Effect.all([
    McpLife.reconfigure(mcp, world, configOf),
    ...Array.from(
      { length: scenario.life.watchers },
      () => McpLife.watch(mcp, world, Deferred.await(closing), watching)
    )
  ], { concurrency: "unbounded", discard: true }))
  const crowd = yield* Effect.forkChild(Effect.all(
    Array.from({ length: scenario.callers }, (_, number) => caller(number)),
    { concurrency: "unbounded", discard: true }
  ))
  if (scenario.isCutShort) yield* pause(8000)
  else {
    yield* Fiber.await(crowd)
    // Longer than any deadline or penalty that a scenario can have.
    yield* clock.sleep(Duration.minutes(3))
    const snapshot = yield* mcp.snapshot
    auditor.atRest(snapshot)
    auditor.remembers(memory.size, memory.limit, snapshot.connections)
  }
  auditor.isClosing = true
  yield* Deferred.succeed(closing, undefined)
  const closingAt = auditor.now() - auditor.stalledMillis
  yield* Scope.close(scope, Exit.void)
  auditor.closed(auditor.now() - auditor.stalledMillis - closingAt)
  yield* Fiber.await(crowd)
  yield* Fiber.await(others)
})
