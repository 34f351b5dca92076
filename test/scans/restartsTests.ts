/**
 * The scenarios of long work behind a server, for clients that never begin a new session, over a scan server that is killed with SIGKILL in the
 * middle of the scan and started again on the same port and store. A client that cannot reach the server looks again, as the program that
 * polls with it would; over a server that listens no look may fail.
 */
import { assert, describe, it } from "@effect/vitest"
import { JobStore } from "@holdfast/jobs/JobStore"
import * as SqliteStore from "@holdfast/jobs/SqliteStore"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as path from "node:path"
import type { Client, Connected } from "../interop/support/contract.ts"
import * as Scans from "./support/ScanServer.ts"

/** A scan server that is killed and started again. */
interface Place {
  readonly url: string
  /** How often it has been started; nothing while it is down. */
  readonly life: () => number | undefined
  readonly signal: (signal: NodeJS.Signals) => Effect.Effect<void>
  /** Kills it, and waits until it listens again. */
  readonly restart: Effect.Effect<void, never, Scope.Scope>
  /** What the store has of the scan: an operator's look, for which no client is connected. */
  readonly stored: (id: string) => Effect.Effect<Scans.Seen & { readonly attempt: number }>
}

const serve = Effect.gen(function*() {
  const database = path.join(yield* Scans.temporaryFolder, "scans.db")
  let server = yield* Scans.start(Scans.smallTree, database)
  const { url } = server
  let lives = 1
  let life: number | undefined = lives
  const place: Place = {
    url,
    life: () => life,
    signal: (signal) => Effect.sync(() => process.kill(server.pid, signal)),
    restart: Effect.gen(function*() {
      life = undefined
      yield* server.stop("SIGKILL")
      server = yield* Scans.start(Scans.smallTree, database, Number(new URL(url).port))
      life = ++lives
    }),
    stored: (id) =>
      JobStore.use(({ engine }) => engine).pipe(
        Effect.flatMap((engine) => engine.read([id])),
        Effect.map(([job]) => ({ state: job?.state, percent: job?.percent ?? 0, attempt: job?.attempt ?? 0 })),
        Effect.scoped,
        Effect.provide(SqliteStore.layer(database)),
        Effect.orDie
      )
  }
  return place
})

interface Poller {
  readonly name: string
  readonly connected: Connected
}

/** It leaves when its Scope closes. */
const connect = ({ name, transports }: Client, { url }: Place): Effect.Effect<Poller, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const open = transports.http
      if (open === undefined) throw new Error(`${name} has no HTTP`)
      return { name, connected: await open({ _tag: "Http", url: new URL(url) }) }
    }),
    ({ connected }) => Effect.promise(() => connected.close())
  )

const ask = ({ connected, name }: Poller, place: Place, tool: string, args: Record<string, unknown>) =>
  Effect.suspend(() => {
    const begun = place.life()
    return Effect.tryPromise({
      try: () => connected.call(tool, args),
      catch: (cause) => ({ cause, isExcused: begun === undefined || begun !== place.life() })
    })
  }).pipe(
    Effect.retry({ schedule: Schedule.spaced("50 millis"), while: ({ isExcused }) => isExcused }),
    Effect.catch(({ cause }) => Effect.die(new Error(`${name}: ${tool} fails while the server listens`, { cause })))
  )

/** From a tool's words, which is what every client hands out. */
const idIn = (text: string): string => /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/.exec(text)?.[0] ?? ""

const run = (poller: Poller, place: Place, folder: string) =>
  Effect.map(ask(poller, place, "run_scan", { path: folder }), idIn)

const look = (poller: Poller, place: Place, id: string): Effect.Effect<Scans.Seen> =>
  Effect.map(ask(poller, place, "get_scan_progress", { id }), (text) => {
    const state = / (?:is|has|was) (queued|running|succeeded|failed|cancelled)/.exec(text)?.[1]
    return { state, percent: state === "succeeded" ? 100 : Number(/running: (\d+)/.exec(text)?.[1] ?? 0) }
  })

const until = <A extends Scans.Seen>(one: Effect.Effect<A>, isIt: (seen: A) => boolean, interval: number) => {
  const all: Array<A> = []
  return one.pipe(
    Effect.tap((seen) => Effect.sync(() => all.push(seen))),
    Effect.repeat({ schedule: Schedule.spaced(interval), until: isIt }),
    Effect.as(all)
  )
}

const poll = (poller: Poller, place: Place, id: string) => until(look(poller, place, id), Scans.isOver, 200)

/** Looks often: what comes next has to come in the middle of the scan. */
const pollHalfway = (poller: Poller, place: Place, id: string) =>
  until(look(poller, place, id), ({ percent }) => percent > 15, 20)

const isWhole = (name: string, seen: ReadonlyArray<Scans.Seen>): void => {
  assert.strictEqual(seen.at(-1)?.state, "succeeded", name)
  // Of a scan that waits in the queue the words tell no percentage.
  const told = seen.filter(({ state }) => state !== "queued")
  assert.isTrue(Scans.neverBack(told), `${name}: ${JSON.stringify(told)}`)
}

const hasResults = (poller: Poller, place: Place, id: string) =>
  Effect.map(
    ask(poller, place, "get_scan_results", { id }),
    (text) => assert.match(text, /"files":\s*\d{3,}/, poller.name)
  )

/** Killed in the middle, and taken up again by the server that was started after it. */
const wasKilledInTheMiddle = (place: Place, id: string) =>
  Effect.map(place.stored(id), ({ attempt }) => assert.strictEqual(attempt, 2))

/**
 * A scan that the first of these clients has begun, and all of them have looked at. In the middle of it they have left, it has gone on without them,
 * and its server has been killed and started again. Returns its id and what the first of them had seen.
 */
const abandoned = Effect.fnUntraced(function*(clients: ReadonlyArray<Client>, place: Place, folder: string) {
  const scope = yield* Scope.make("parallel")
  const pollers = yield* Effect.forEach(clients, (client) => Scope.provide(connect(client, place), scope))
  const [first = yield* Effect.die("no client"), ...others] = pollers
  const id = yield* run(first, place, folder)
  yield* Effect.forEach(others, (poller) => look(poller, place, id), { concurrency: "unbounded" })
  const seen = yield* pollHalfway(first, place, id)
  // Some take their time to leave: the scan must not be over by then.
  yield* place.signal("SIGSTOP")
  yield* Scope.close(scope, Exit.void)
  yield* place.signal("SIGCONT")
  const left = yield* place.stored(id)
  yield* until(place.stored(id), ({ percent }) => percent > left.percent, 20)
  yield* place.restart
  return { id, seen }
})

const titleOf = (clients: ReadonlyArray<Client>): string =>
  `a scan over the death of its server, for ${clients.map(({ name }) => name).join(", ")}`

/** What is quick enough for all of these clients at once. */
export const define = (clients: ReadonlyArray<Client>, copies: number, folder: string) =>
  describe(titleOf(clients), () => {
    it.live("is polled to its end by several at once, each over the connection that it had; none is harmed when one vanishes", () =>
      Effect.gen(function*() {
        const place = yield* serve
        const pollers = yield* Effect.forEach(
          clients.flatMap((client) => Array.from({ length: copies }, () => client)),
          (client) => connect(client, place)
        )
        const vanishing = yield* Scope.make()
        const [client = yield* Effect.die("no client")] = clients
        const vanisher = yield* Scope.provide(connect(client, place), vanishing)
        const id = yield* run(vanisher, place, folder)
        const polling = yield* Effect.forEach(pollers, (poller) => Effect.forkChild(poll(poller, place, id)))
        yield* pollHalfway(vanisher, place, id)
        const vanished = yield* Effect.forkChild(Scope.close(vanishing, Exit.void))
        yield* place.restart
        yield* Fiber.join(vanished)
        for (const [index, fiber] of polling.entries()) isWhole(pollers[index]?.name ?? "", yield* Fiber.join(fiber))
        yield* wasKilledInTheMiddle(place, id)
        for (const poller of pollers) {
          yield* hasResults(poller, place, id)
          const own = yield* run(poller, place, "src/ai")
          isWhole(poller.name, yield* poll(poller, place, own))
        }
      }))

    it.live("goes on when all have left, and each that comes back carries on where it was", () =>
      Effect.gen(function*() {
        const place = yield* serve
        const { id, seen } = yield* abandoned(clients, place, folder)
        yield* Effect.forEach(clients, (client) =>
          Effect.gen(function*() {
            const poller = yield* connect(client, place)
            isWhole(client.name, [...seen, ...yield* poll(poller, place, id)])
            yield* hasResults(poller, place, id)
          }), { concurrency: "unbounded" })
        yield* wasKilledInTheMiddle(place, id)
      }))
  })

/** Costs another scan, and is no different for all at once: at length only. */
export const defineUnattended = (clients: ReadonlyArray<Client>, folder: string) =>
  describe(titleOf(clients), () => {
    it.live("ends while none is connected, and each that comes later finds it ended", () =>
      Effect.gen(function*() {
        const place = yield* serve
        const { id } = yield* abandoned(clients, place, folder)
        yield* until(place.stored(id), Scans.isOver, 200)
        yield* wasKilledInTheMiddle(place, id)
        yield* Effect.forEach(clients, (client) =>
          Effect.gen(function*() {
            const poller = yield* connect(client, place)
            isWhole(client.name, [yield* look(poller, place, id)])
            yield* hasResults(poller, place, id)
          }), { concurrency: "unbounded" })
      }))
  })
