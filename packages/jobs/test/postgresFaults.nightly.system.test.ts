import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as BlackHole from "./support/blackHole.ts"
import * as Worker from "./support/ClusterWorker.ts"
import * as OutsideStore from "./support/OutsideStore.ts"
import * as Postgres from "./support/Postgres.ts"
import { temporaryFile } from "./support/temporaryFile.ts"
import { until } from "./support/until.ts"

const scope = Scope.makeUnsafe()
let running: Effect.Success<typeof Postgres.start> | undefined
beforeAll(() => Effect.runPromise(Effect.map(Scope.provide(Postgres.start, scope), (it) => void (running = it))))
afterAll(() => Effect.runPromise(Scope.close(scope, Exit.void)))

type Server = Effect.Success<typeof Postgres.start>

let databases = 0
/** A database of its own in the one server, and a log. */
const place = Effect.gen(function*() {
  if (running === undefined) throw new Error("Postgres does not run")
  const { admin, socket } = running
  const database = `faults_${++databases}`
  yield* Effect.orDie(admin(`CREATE DATABASE ${database}`))
  const log = yield* temporaryFile("log.ndjson")
  const on = (name: string, more: Partial<Worker.Options> = {}) =>
    Worker.start({ name, log, kinds: ["work"], postgres: { path: socket, database }, ...more })
  return { admin, socket, database, log, on, lines: Effect.sync(() => Worker.lines(log)) }
})

/** The machine may be busy with other things: bounds are as much longer as a program takes longer to start than a second. */
const timed = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const begun = performance.now()
    const value = yield* effect
    return { value, slowness: Math.max(1, (performance.now() - begun) / 1000) }
  })

describe("jobs in Postgres", () => {
  it.live("of a killed program are taken over within 12 seconds, while every other program answers for them", () =>
    Effect.scoped(Effect.gen(function*() {
      const { lines, log, on } = yield* place
      const victim = yield* on("a")
      const ids = yield* Effect.forEach([1, 2, 3], () => victim.start("work", 30, 1000))
      yield* until(lines, (all) => ids.every((id) => all.some(({ job, what }) => job === id && what === "begin")))
      const { slowness, value: [b, c] } = yield* timed(
        Effect.all([on("b"), on("c", { isClient: true })], { concurrency: 2 })
      )
      const polls: Array<number> = []
      const polling = yield* Effect.forkChild(Effect.forever(Effect.gen(function*() {
        const begun = performance.now()
        for (const node of [b, c]) assert.strictEqual((yield* node.status(ids[0]!)).id, ids[0])
        polls.push(performance.now() - begun)
        yield* Effect.sleep("200 millis")
      })))
      yield* victim.signal("SIGKILL")
      yield* victim.ended
      const killed = Date.now()
      const before = Worker.lines(log).length
      const again = yield* until(
        Effect.map(lines, (all) => all.slice(before).filter(({ what }) => what === "begin")),
        (begun) => ids.every((id) => begun.some(({ job }) => job === id)),
        `${12 * slowness} seconds`
      )
      const took = Math.max(...ids.map((id) => again.find(({ job }) => job === id)!.at)) - killed
      console.log(
        `taken over ${took} ms after the kill; the slowest poll of both took ${Math.round(Math.max(...polls))} ms`
      )
      yield* Fiber.interrupt(polling)
      assert.isAtLeast(polls.length, 5)
    })))

  it.live("of a program that is cut off are stopped there before another program begins them", () =>
    Effect.scoped(Effect.gen(function*() {
      const { database, lines, on, socket } = yield* place
      const hole = yield* BlackHole.make({ path: socket })
      const a = yield* on("a", { postgres: { host: "127.0.0.1", port: hole.port, database } })
      const id = yield* a.start("work", 3, 60_000)
      yield* until(lines, (all) => all.some(({ what }) => what === "begin"))
      yield* on("b")
      const cut = Date.now()
      yield* hole.swallow
      const all = yield* until(
        lines,
        (all) => all.some(({ name, what }) => name === "b" && what === "begin"),
        "60 seconds"
      )
      const stopped = all.find(({ name, what }) => name === "a" && what === "stopped")
      console.log(
        `stopped ${(stopped?.at ?? 0) - cut} ms after the cut, begun again after ${
          (all.find(({ name }) => name === "b")?.at ?? 0) - cut
        } ms`
      )
      assert.deepStrictEqual(Worker.overlaps(all), [])
      assert.isDefined(stopped)
      assert.include(JSON.stringify(yield* a.trouble), "unreachable")
      const told = Date.now()
      yield* a.signal("SIGTERM")
      yield* a.ended
      console.log(`ended ${Date.now() - told} ms after SIGTERM`)
      assert.isBelow(Date.now() - told, 15_000)
      assert.strictEqual(id, all[0]?.job)
    })))

  it.live("disturb no job that runs when a program joins, and one that ends in order is followed within two seconds", () =>
    Effect.scoped(Effect.gen(function*() {
      const { lines, on } = yield* place
      const a = yield* on("a")
      const ids = yield* Effect.forEach([1, 2, 3, 4], () => a.start("work", 1, 60_000))
      yield* until(lines, (all) => ids.every((id) => all.some(({ job }) => job === id)))
      const { slowness, value: b } = yield* timed(on("b"))
      const late = yield* b.start("work", 1, 10)
      yield* until(
        lines,
        (all) => all.some(({ job, what }) => job === late && what === "done"),
        `${2 * slowness} seconds`
      )
      assert.deepStrictEqual((yield* lines).filter(({ what }) => what === "stopped"), [])
      yield* a.signal("SIGTERM")
      yield* a.ended
      yield* until(
        Effect.map(
          lines,
          (all) => new Set(all.filter(({ name, what }) => name === "b" && what === "begin").map(({ job }) => job))
        ),
        (begun) => ids.every((id) => begun.has(id)),
        `${2 * slowness} seconds`
      )
      assert.deepStrictEqual(Worker.overlaps(yield* lines), [])
    })))

  it.live("go on, and are accepted, when connections go silent and new ones work; meanwhile the trouble is told", () =>
    Effect.scoped(Effect.gen(function*() {
      const { database, lines, on, socket } = yield* place
      const hole = yield* BlackHole.make({ path: socket })
      const a = yield* on("a", { postgres: { host: "127.0.0.1", port: hole.port, database } })
      const long = yield* a.start("work", 60, 500)
      yield* until(lines, (all) => all.some(({ what }) => what === "begin"))
      yield* hole.swallow
      yield* hole.openTo({ path: socket })
      const silent = Date.now()
      yield* until(a.trouble, (trouble) => trouble !== null, "15 seconds")
      console.log(`told ${Date.now() - silent} ms after the connections went silent`)
      const id = yield* until(
        Effect.orElseSucceed(a.start("work", 1, 10), () => ""),
        (id) => id !== "",
        "60 seconds"
      )
      yield* until(lines, (all) => all.some(({ job, what }) => job === id && what === "done"), "60 seconds")
      yield* until(lines, (all) => all.some(({ job, what }) => job === long && what === "done"))
      yield* until(a.trouble, (trouble) => trouble === null, "60 seconds")
      assert.deepStrictEqual(Worker.overlaps(yield* lines), [])
    })))

  it.live("of a program that is frozen for longer than its lease are run on by another; the frozen one changes nothing any more", () =>
    Effect.scoped(Effect.gen(function*() {
      const { lines, on } = yield* place
      const outside = yield* OutsideStore.make
      const b = yield* on("b", { isClient: true })
      // Long enough that it is not over when the program is woken.
      const a = yield* on("a", { outside: outside.port })
      const id = yield* a.start("work", 1, 30_000)
      yield* until(lines, (all) => all.some(({ what }) => what === "begin"))
      const first = yield* until(Effect.sync(() => outside.writes.at(-1)?.fence ?? 0), (fence) => fence > 0)
      yield* a.signal("SIGSTOP")
      yield* on("c", { outside: outside.port })
      const second = yield* until(
        Effect.sync(() => outside.writes.at(-1)?.fence ?? 0),
        (fence) => fence !== first,
        "60 seconds"
      )
      assert.isAbove(second, first)
      yield* a.signal("SIGCONT")
      const woken = Date.now()
      const all = yield* until(lines, (all) => all.some(({ job, what }) => job === id && what === "done"))
      const last = all.findLast(({ name }) => name === "a")
      console.log(`the frozen program did its last ${(last?.at ?? 0) - woken} ms after it was woken`)
      assert.strictEqual(last?.what, "stopped")
      assert.deepStrictEqual(all.filter(({ what }) => what === "done").map(({ name }) => name), ["c"])
      assert.strictEqual((yield* b.status(id)).state, "succeeded")
      // Whatever the old runner wrote after the new one was refused, in this store as in ours.
      const taken = outside.writes.filter(({ isTaken }) => isTaken).map(({ fence }) => fence)
      assert.deepStrictEqual(taken, taken.toSorted((one, two) => one - two))
    })))

  it.live("that are cancelled when their program is dead are undone by the next, each step once", () =>
    Effect.scoped(Effect.gen(function*() {
      const { lines, on } = yield* place
      const client = yield* on("client", { isClient: true })
      const a = yield* on("a")
      const id = yield* a.start("work", 3, 1000)
      yield* until(lines, (all) => all.some(({ step, what }) => step === "step 3" && what === "begin"))
      yield* a.signal("SIGKILL")
      yield* a.ended
      assert.isTrue((yield* client.cancel(id)).isCancelling)
      const b = yield* on("b")
      yield* until(b.status(id), ({ state }) => state === "cancelled", "60 seconds")
      const all = yield* lines
      const undone = all.filter(({ what }) => what === "undone").map(({ name, step }) => `${name} ${step}`)
      assert.deepStrictEqual(undone, ["b step 2", "b step 1"])
      assert.notInclude(all.filter(({ name }) => name === "b").map(({ what }) => what), "begin")
    })))

  it.live("that kill their program are tried alone, and fail when they have done it often enough; those beside them are not charged", () =>
    Effect.scoped(Effect.gen(function*() {
      const { lines, on } = yield* place
      const client = yield* on("client", { isClient: true })
      const next = (name: string) => on(name, { hasBomb: true, leaseMillis: 3000 })
      const first = yield* next("1")
      const work = yield* first.start("work", 12, 500)
      yield* until(lines, (all) => all.some(({ job }) => job === work))
      const bomb = yield* first.start("bomb", 1, 300)
      yield* first.ended
      const isOver = until(client.status(bomb), ({ state }) => state === "failed")
      for (let number = 2; (yield* client.status(bomb)).state !== "failed"; number++) {
        const { ended } = yield* next(`${number}`)
        yield* Effect.raceFirst(ended, isOver)
      }
      assert.strictEqual((yield* client.status(bomb)).failure?.kind, "crashes")
      assert.strictEqual(
        (yield* until(client.status(work), ({ finishedAt }) => finishedAt !== undefined)).state,
        "succeeded"
      )
      const all = yield* lines
      // A program may begin it twice, if its lease was over for a moment before it was killed.
      const killed = [...new Set(all.filter(({ job }) => job === bomb).map(({ name }) => name))]
      // In the first program both ran; it takes another such death to suspect them of it, unless nothing else had begun there.
      assert.include([3, 4], killed.length)
      for (const name of killed.slice(-2)) {
        assert.notStrictEqual(all.findLast((line) => line.name === name && line.job === work)?.what, "begin")
      }
    })))

  const outages = {
    "is restarted": { begin: (it: Server) => it.stop, end: (it: Server) => it.begin },
    "is frozen": { begin: (it: Server) => it.freeze, end: (it: Server) => it.thaw },
    "is read-only": {
      begin: (it: Server) =>
        Effect.andThen(
          it.admin("ALTER SYSTEM SET default_transaction_read_only = on"),
          it.admin("SELECT pg_reload_conf()")
        ),
      end: (it: Server) =>
        Effect.andThen(
          it.admin("ALTER SYSTEM RESET default_transaction_read_only"),
          it.admin("SELECT pg_reload_conf()")
        )
    }
  }
  for (const [what, outage] of Object.entries(outages)) {
    it.live(`lose nothing and end once when the database ${what}, and a program that is told to ends within 15 seconds`, () =>
      Effect.scoped(Effect.gen(function*() {
        if (running === undefined) throw new Error("Postgres does not run")
        const { lines, on } = yield* place
        const a = yield* on("a")
        const b = yield* on("b")
        const ids = yield* Effect.forEach([1, 2, 3, 4], () => a.start("work", 8, 500))
        yield* until(lines, (all) => all.filter(({ what }) => what === "end").length >= 4)
        const begun = Date.now()
        yield* outage.begin(running)
        yield* until(a.trouble, (trouble) => trouble !== null, "30 seconds")
        console.log(`told ${Date.now() - begun} ms after the database began to be out of order`)
        yield* a.signal("SIGTERM")
        const told = Date.now()
        yield* a.ended
        const took = Date.now() - told
        console.log(`ended ${took} ms after SIGTERM`)
        yield* outage.end(running)
        yield* until(lines, (all) => ids.every((id) => all.some(({ job, what }) => job === id && what === "done")))
        for (const id of ids) assert.strictEqual((yield* b.status(id)).state, "succeeded")
        const all = yield* lines
        assert.strictEqual(all.filter(({ what }) => what === "done").length, ids.length)
        assert.deepStrictEqual(Worker.overlaps(all), [])
        assert.isBelow(took, 15_000)
      })))
  }

  it.live("lose nothing that the new primary has when the database fails over while the old primary still answers, and end once", () =>
    Effect.scoped(Effect.gen(function*() {
      const old = yield* Postgres.start
      const database = "failover"
      yield* old.admin(`CREATE DATABASE ${database}`)
      const standby = yield* Postgres.startStandby(old.folder)
      // From here on what is committed is on both.
      yield* old.admin("ALTER SYSTEM SET synchronous_standby_names = '*'")
      yield* old.admin("SELECT pg_reload_conf()")
      yield* old.admin(
        "DO $$ BEGIN ASSERT EXISTS (SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'); END $$"
      ).pipe(
        Effect.retry(Schedule.spaced("200 millis").pipe(Schedule.upTo({ duration: "1 minute" })))
      )
      const proxy = yield* BlackHole.make({ path: old.socket })
      const log = yield* temporaryFile("log.ndjson")
      const lines = Effect.sync(() => Worker.lines(log))
      const on = (name: string) =>
        Worker.start({ name, log, kinds: ["work"], postgres: { host: "127.0.0.1", port: proxy.port, database } })
      const a = yield* on("a")
      const b = yield* on("b")
      const ids = yield* Effect.forEach([a, a, b, b, a, b], (program) => program.start("work", 8, 500))
      yield* until(lines, (all) => all.filter(({ what }) => what === "end").length >= 6)
      const begun = Date.now()
      yield* old.admin("ALTER SYSTEM SET default_transaction_read_only = on")
      yield* old.admin("SELECT pg_reload_conf()")
      yield* standby.admin("SELECT pg_promote()")
      // Connections that are open stay with the old one, which answers and writes nothing.
      yield* proxy.openTo({ path: standby.socket })
      const late = yield* until(
        Effect.orElseSucceed(b.start("work", 2, 100), () => ""),
        (id) => id !== "",
        "60 seconds"
      )
      console.log(`a job was accepted ${Date.now() - begun} ms after the failover began`)
      yield* a.signal("SIGTERM")
      const told = Date.now()
      yield* a.ended
      const took = Date.now() - told
      const all = yield* until(
        lines,
        (all) => [...ids, late].every((id) => all.some(({ job, what }) => job === id && what === "done"))
      )
      for (const id of [...ids, late]) assert.strictEqual((yield* b.status(id)).state, "succeeded")
      assert.strictEqual(all.filter(({ what }) => what === "done").length, ids.length + 1)
      assert.deepStrictEqual(Worker.overlaps(all), [])
      assert.isBelow(took, 15_000)
    })))

  it.live("are run by programs that have their kinds and no others, old and new together, without a step that runs twice", () =>
    Effect.scoped(Effect.gen(function*() {
      const { lines, on } = yield* place
      const old = yield* on("old", { kinds: ["alpha", "beta"] })
      const beta = yield* old.start("beta", 6, 500)
      const next = yield* on("new", { kinds: ["beta", "gamma", "aaa"], version: 2 })
      const two = yield* Effect.forEach(["beta", "gamma", "aaa"], (kind) => next.start(kind, 6, 500))
      const alpha = yield* old.start("alpha", 1, 20_000)
      yield* until(lines, (all) => all.some(({ job }) => job === alpha))
      // A kind that only the old program has, asked of the new one: it waits for a program that has it.
      const three = yield* next.start("alpha", 2, 100)
      yield* old.signal("SIGTERM")
      yield* old.ended
      yield* until(
        lines,
        (all) => [beta, ...two].every((id) => all.some(({ job, what }) => job === id && what === "done"))
      )
      assert.include(["queued", "running"], (yield* next.status(alpha)).state)
      const late = yield* on("late", { kinds: ["alpha"], version: 2 })
      yield* until(
        lines,
        (all) => [alpha, three].every((id) => all.some(({ job, what }) => job === id && what === "done"))
      )
      const all = yield* lines
      assert.deepStrictEqual(Worker.overlaps(all), [])
      assert.deepStrictEqual(
        all.filter(({ job, name }) => name === "new" && (job === alpha || job === three)),
        []
      )
      assert.strictEqual((yield* late.status(three)).state, "succeeded")
    })))
})
