/**
 * What a simulated application does beside its calls: it answers what servers ask, listens to their news, keeps some of them warm and
 * changes its config.
 */
import { type ClientHandlers, RequestDeclined } from "@holdfast/mcp/ClientHandlers"
import type { McpConfig } from "@holdfast/mcp/McpConfig"
import { type McpConnections } from "@holdfast/mcp/McpConnections"
import type { McpRuntimeError } from "@holdfast/mcp/McpRuntimeError"
import type { SeededRandom } from "@holdfast/testkit"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { readAgain } from "../../src/internal/subscriptions/Subscriptions.ts"
import { declined, faultOfTheUser, type Meaning } from "./LifeAuditor.ts"
import type { McpAuditor } from "./McpAuditor.ts"
import type { Scenario } from "./McpScenario.ts"
import type { Question } from "./SimulatedQuestions.ts"

export interface World {
  readonly scenario: Scenario
  readonly random: SeededRandom.SeededRandom
  readonly auditor: McpAuditor
}

/** Nothing is offered where nobody asks. */
export const handlers = (world: World): ClientHandlers => {
  if (world.scenario.life.ask === 0) return {}
  return {
    elicitation: (params, { server }) =>
      // The servers are ours: what they ask is a question of theirs.
      put(world, server, params as Question)
  }
}

const put = ({ auditor, random, scenario: { life } }: World, server: string, question: Question) =>
  Effect.acquireUseRelease(
    Effect.sync(() => auditor.heard(server, question)),
    (done) => {
      const crashes = random.chance(life.crash)
      const declines = random.chance(life.decline)
      if (crashes || declines) auditor.wronged(question.token, "declined")
      const reply = crashes
        ? random.pick([
          Effect.interrupt,
          Effect.interrupt,
          Effect.die(new Error(faultOfTheUser)),
          Effect.suspend((): Effect.Effect<never> => {
            throw new Error(faultOfTheUser)
          })
        ])
        : declines
        ? Effect.fail(new RequestDeclined({ code: declined, message: "no" }))
        : Effect.succeed({ action: "accept", content: { id: question.id, token: question.token } })
      // The user is done when the answer is given, whenever the fiber gets round to its end.
      const answering = Effect.suspend(() => {
        done(false)
        return reply
      })
      return Effect.andThen(Effect.sleep(random.int(0, life.answerMillis)), answering)
    },
    (done, exit) => Effect.sync(() => done(Exit.hasInterrupts(exit)))
  )

interface News {
  readonly uri: string
  readonly serial: number
  readonly _meta?: Readonly<Record<string, unknown>>
}

/** Hears everything from now on. */
export const listen = (mcp: McpConnections["Service"], { auditor }: World) =>
  Effect.forkChild(
    Stream.runForEach(mcp.notifications, ({ method, params, server }) =>
      Effect.sync(() => {
        if (method !== "notifications/resources/updated") return
        // As above, or the runtime's own.
        const { _meta, serial, uri } = params as News
        if (_meta?.[readAgain] === true) auditor.toldToReadAgain(server, uri)
        else auditor.heardNews(server, serial)
      })),
    { startImmediately: true }
  )

/** Keeps the servers of the scenario warm, some of them for a while only. Those that are not there now cannot be asked for. */
export const keepWarm = (mcp: McpConnections["Service"], world: World, until: Effect.Effect<void>) => {
  const { auditor, random, scenario } = world
  return Effect.forEach(scenario.life.warm.filter((name) => auditor.isConfigured(name)), (name) => {
    const most = random.pick([2000, 20_000, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY])
    const keep = Effect.gen(function*() {
      yield* mcp.warm(name)
      const cool = auditor.keepsWarm(name)
      yield* most === Number.POSITIVE_INFINITY ? until : Effect.timeoutOption(until, random.int(0, most))
      cool()
    })
    // Its server was there a moment ago: nothing has run in between.
    return Effect.forkChild(Effect.orDie(Effect.scoped(keep)), { startImmediately: true })
  }, { discard: true })
}

/** Asks to be told of resources, one after the other, the last until the end. `ask` has the auditor look at it as at any call. */
export const watch = (
  mcp: McpConnections["Service"],
  { auditor, random, scenario }: World,
  until: Effect.Effect<void>,
  ask: <A>(server: string, send: Effect.Effect<A, McpRuntimeError>) => Effect.Effect<Exit.Exit<A, McpRuntimeError>>
): Effect.Effect<void> =>
  Effect.gen(function*() {
    const clock = yield* Clock.Clock
    const rounds = random.int(1, 3)
    for (let round = 1; round <= rounds && !auditor.isClosing; round++) {
      yield* clock.sleep(Duration.millis(random.int(0, 4000)))
      const server = random.pick(["a", "b"])
      if (!scenario.servers.some(({ name }) => name === server)) continue
      const uri = random.pick(["x:1", "x:2"])
      const scope = yield* Scope.make()
      auditor.wantsToWatch(server, uri)
      const asked = yield* ask(server, Scope.provide(mcp.subscribe(server, uri), scope))
      const forget = Exit.isSuccess(asked) ? auditor.watches(server, uri) : () => {}
      if (Exit.isSuccess(asked)) yield* round === rounds ? until : clock.sleep(Duration.millis(random.int(0, 5000)))
      forget()
      yield* Scope.close(scope, Exit.void)
    }
  })

/** Takes other configs: servers go, come back, are replaced by others of their name, or are said to be a little different. */
export const reconfigure = (
  mcp: McpConnections["Service"],
  { auditor, random, scenario }: World,
  configOf: (meanings: ReadonlyMap<string, Meaning>) => Effect.Effect<McpConfig>
): Effect.Effect<void> =>
  Effect.gen(function*() {
    const clock = yield* Clock.Clock
    let meanings: ReadonlyMap<string, Meaning> = first(scenario)
    for (let reload = 1; reload <= scenario.life.reloads && !auditor.isClosing; reload++) {
      yield* clock.sleep(Duration.millis(random.int(0, 3000)))
      const next = new Map<string, Meaning>()
      for (const { name } of scenario.servers) {
        const before = meanings.get(name)
        const meaning = before ?? { instance: random.int(0, 1), tweak: 0 }
        switch (random.pick(["stays", "stays", "goes", "another", "tweaked"])) {
          case "stays":
            next.set(name, meaning)
            break
          case "another":
            next.set(name, { ...meaning, instance: 1 - meaning.instance })
            break
          case "tweaked":
            next.set(name, { ...meaning, tweak: reload })
            break
        }
      }
      meanings = next
      const config = yield* configOf(meanings)
      if (auditor.isClosing) return
      auditor.configured(meanings)
      yield* mcp.reload(config)
    }
  })

/** What the names mean at first. */
export const first = ({ servers }: Scenario): ReadonlyMap<string, Meaning> =>
  new Map(servers.map(({ name }) => [name, { instance: 0, tweak: 0 }]))
