/** The registry's numbers, as Effect's metric registry and as the page for Prometheus show them. */
import { assert, describe, it } from "@effect/vitest"
import * as ConnectionPool from "@holdfast/core/ConnectionPool"
import * as Principal from "@holdfast/protocol/Principal"
import type { CloseReason, SessionTransport } from "@holdfast/server/Session"
import * as SessionRegistry from "@holdfast/server/SessionRegistry"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Metric from "effect/Metric"
import * as PrometheusMetrics from "effect/observability/PrometheusMetrics"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import * as Fs from "node:fs"
import { prometheusText } from "../src/internal/metrics/prometheusText.ts"
import { measured } from "../src/internal/metrics/toolDuration.ts"
import { eventually } from "./support/eventually.ts"
import { open } from "./support/hosted.ts"

type Registry = SessionRegistry.SessionRegistry["Service"]

/** A metric registry of the test's own, so that tests see nothing of each other. */
const isolated = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.provideService(effect, Metric.MetricRegistry, new Map())

/** Every series there is, `id{attributes}`, with its value. */
const series = Effect.map(
  Metric.snapshot,
  (all) =>
    Object.fromEntries(all.map(({ attributes, id, state }) => {
      const labels = Object.entries(attributes ?? {}).map(([name, value]) => `${name}=${value}`)
      const value = "count" in state ? Number(state.count) : "value" in state ? Number(state.value) : Number.NaN
      return [`${id.replace("holdfast.server.", "")}{${labels.join(",")}}`, value]
    }))
)

/** The same, as it follows from what the registry says of itself. */
const expected = (snapshot: SessionRegistry.RegistrySnapshot, registry = "mcp") => {
  const name = `registry=${registry}`
  const inState = (state: string) => snapshot.sessions.filter((session) => session.state === state).length
  return {
    [`sessions{${name},state=connecting}`]: inState("connecting"),
    [`sessions{${name},state=active}`]: inState("active"),
    [`sessions{${name},state=closing}`]: inState("closing"),
    [`streams{${name}}`]: snapshot.openStreams,
    [`requests.active{${name}}`]: snapshot.inFlight,
    [`sessions.opened{${name}}`]: snapshot.opened,
    ...Object.fromEntries(
      Object.entries(snapshot.closed).map(([reason, count]) => [`sessions.closed{${name},reason=${reason}}`, count])
    ),
    [`sessions.refused{${name}}`]: snapshot.refused,
    [`requests{${name}}`]: snapshot.requests,
    [`sweeps{${name}}`]: snapshot.sweeps,
    [`sweep.duration{${name},time_unit=milliseconds}`]: snapshot.sweepMillis
  }
}

/** The same, of a registry whose Scope is closed. */
const ended = (snapshot: SessionRegistry.RegistrySnapshot, registry = "mcp") =>
  expected({ ...snapshot, sessions: [], openStreams: 0, inFlight: 0 }, registry)

/** Time goes on by three milliseconds whenever somebody asks what time it is: so many a sweep takes. */
const ticking = Effect.map(Clock.Clock, (clock): Clock.Clock => {
  let reads = 0n
  return { ...clock, monotonicTimeNanosUnsafe: () => clock.monotonicTimeNanosUnsafe() + ++reads * 3_000_000n }
})

const transports: ReadonlyArray<SessionTransport> = ["streamable-http", "sse", "stdio", "stateless"]

const enter = (registry: Registry, transport: SessionTransport = "streamable-http") =>
  Effect.map(registry.open({ principal: Principal.local, transport }), ({ session }) => session)

/** A life of a registry in which everything happens that is counted. `look` is called after every step. */
const history = <E, R>(look: (registry: Registry, step: string) => Effect.Effect<void, E, R>) =>
  Effect.gen(function*() {
    const scope = yield* Scope.make()
    const registry = yield* SessionRegistry.make({
      maxSessions: 5,
      sweepInterval: "1 minute",
      idleTimeout: "10 minutes",
      halfOpenTimeout: "5 minutes"
    }).pipe(Scope.provide(scope), Effect.provideService(Clock.Clock, yield* ticking))
    const step = (name: string) => look(registry, name)
    yield* step("begin")

    const [one, two, three] = yield* Effect.forEach(transports, (transport) => enter(registry, transport))
    if (one === undefined || two === undefined || three === undefined) return assert.fail("no sessions")
    yield* step("four are connecting")
    one.activate()
    two.activate()
    yield* step("two are active")
    yield* enter(registry)
    yield* Effect.flip(enter(registry))
    yield* step("one too many")

    const answered = one.holdRequest()
    const left = one.holdStream()
    two.holdStream()
    yield* step("a request and two streams")
    answered()
    left()
    yield* step("a stream")

    const released = yield* Deferred.make<void>()
    yield* Scope.addFinalizer(three.scope, Deferred.await(released))
    const closing = yield* Effect.forkChild(three.close("client"), { startImmediately: true })
    yield* step("one is closing")
    yield* Deferred.succeed(released, undefined)
    yield* Fiber.join(closing)
    yield* step("it is closed")

    yield* TestClock.adjust("8 minutes")
    yield* step("two were half-open")
    yield* TestClock.adjust("8 minutes")
    yield* step("one was stale")
    const reasons: ReadonlyArray<CloseReason> = ["done", "slow reader", "vanished", "limit", "operator", "error"]
    for (const reason of reasons) {
      yield* (yield* enter(registry)).close(reason)
      yield* step(reason)
    }

    two.onClosing(two.holdRequest())
    const drain = yield* Effect.forkChild(registry.drain("10 seconds"), { startImmediately: true })
    yield* Effect.flip(enter(registry))
    yield* step("it drains")
    yield* TestClock.adjust("10 seconds")
    yield* Fiber.join(drain)
    yield* step("it is drained")
    yield* Scope.close(scope, Exit.void)
    return registry
  })

describe("the series of a registry", () => {
  it.effect("equal the snapshot at every moment, and count every end by its reason", () =>
    isolated(Effect.gen(function*() {
      const seen: Record<string, Readonly<Record<string, number>>> = {}
      const registry = yield* history((registry, step) =>
        Effect.gen(function*() {
          seen[step] = yield* series
          assert.deepStrictEqual(seen[step], expected(yield* registry.snapshot), step)
        })
      )
      const name = "registry=mcp"
      assert.deepInclude(seen["one too many"], {
        [`sessions{${name},state=connecting}`]: 3,
        [`sessions{${name},state=active}`]: 2,
        [`sessions.opened{${name}}`]: 5,
        [`sessions.refused{${name}}`]: 1
      })
      assert.deepInclude(seen["a request and two streams"], {
        [`streams{${name}}`]: 2,
        [`requests.active{${name}}`]: 1,
        [`requests{${name}}`]: 1
      })
      assert.deepInclude(seen["it drains"], { [`requests.active{${name}}`]: 1 })
      assert.deepInclude(seen["one is closing"], {
        [`sessions{${name},state=closing}`]: 1,
        [`sessions.closed{${name},reason=client}`]: 0
      })
      assert.deepInclude(seen["it is drained"], {
        [`sessions{${name},state=active}`]: 0,
        [`streams{${name}}`]: 0,
        [`requests{${name}}`]: 2,
        [`requests.active{${name}}`]: 0,
        [`sessions.refused{${name}}`]: 2,
        [`sweeps{${name}}`]: 16,
        [`sweep.duration{${name},time_unit=milliseconds}`]: 48
      })
      const ends = Object.entries((yield* registry.snapshot).closed)
      assert.lengthOf(ends, 10)
      for (const [reason, count] of ends) {
        assert.isAtLeast(count, 1, reason)
        assert.deepInclude(seen["it is drained"], { [`sessions.closed{${name},reason=${reason}}`]: count })
      }
    })))

  it.effect("show the last sessions close when the Scope does, and say what became of them after that", () =>
    isolated(Effect.gen(function*() {
      const scope = yield* Scope.make()
      const registry = yield* Scope.provide(SessionRegistry.make(), scope)
      const session = yield* enter(registry)
      session.holdStream()
      let last: Readonly<Record<string, number>> = {}
      yield* Scope.addFinalizer(session.scope, Effect.map(series, (all) => void (last = all)))
      yield* Scope.close(scope, Exit.void)
      assert.deepInclude(last, { "sessions{registry=mcp,state=closing}": 1 })
      // What an exporter that outlives the registry sends last.
      const after = yield* series
      assert.deepStrictEqual(after, ended(yield* registry.snapshot))
      assert.deepInclude(after, {
        "sessions{registry=mcp,state=closing}": 0,
        "sessions.opened{registry=mcp}": 1,
        "sessions.closed{registry=mcp,reason=drain}": 1
      })
    })))

  it.effect("are not there when the registry could not be made", () =>
    isolated(Effect.gen(function*() {
      const error = yield* Effect.flip(SessionRegistry.make({ name: " " }))
      assert.deepInclude(error.reason, { _tag: "ServerOptionInvalid", option: "name" })
      assert.deepStrictEqual(yield* Metric.snapshot, [])
    })))

  it.effect("of two registries stand side by side by their names, and end one by one", () =>
    isolated(Effect.gen(function*() {
      const scope = yield* Scope.make()
      const other = yield* Scope.provide(SessionRegistry.make({ name: "other" }), scope)
      const registry = yield* SessionRegistry.make()
      yield* enter(other)
      yield* (yield* enter(registry)).close("client")
      const both = { ...expected(yield* other.snapshot, "other"), ...expected(yield* registry.snapshot) }
      assert.deepStrictEqual(yield* series, both)
      assert.deepInclude(both, { "sessions.closed{registry=mcp,reason=client}": 1 })
      assert.deepInclude(both, { "sessions.closed{registry=other,reason=client}": 0 })
      yield* Scope.close(scope, Exit.void)
      const rest = { ...ended(yield* other.snapshot, "other"), ...expected(yield* registry.snapshot) }
      assert.deepStrictEqual(yield* series, rest)
    })))

  it.effect("of two registries with one name are the newer's, and the older's end does not take them away", () =>
    isolated(Effect.gen(function*() {
      const scope = yield* Scope.make()
      const older = yield* Scope.provide(SessionRegistry.make(), scope)
      const newer = yield* SessionRegistry.make()
      yield* enter(older)
      yield* enter(newer)
      yield* enter(newer)
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(yield* series, expected(yield* newer.snapshot))
    })))
})

describe("the page for Prometheus", () => {
  it.effect("is of the text format and says what the snapshot says, at every moment", () =>
    isolated(
      history((registry, step) =>
        Effect.map(registry.snapshot, (snapshot) => {
          const page = parse(prometheusText(snapshot))
          const all = Object.fromEntries([...page.values()].flatMap(({ samples }) => Object.entries(samples)))
          const tally = (key: "state" | "transport", value: string) =>
            snapshot.sessions.filter((session) => session[key] === value).length
          const states = ["connecting", "active", "closing"]
          assert.deepStrictEqual(all, {
            ...Object.fromEntries(states.map((state) => [`mcp_sessions{state="${state}"}`, tally("state", state)])),
            ...Object.fromEntries(
              transports.map((each) => [`mcp_sessions_open{transport="${each}"}`, tally("transport", each)])
            ),
            mcp_sessions_opened_total: snapshot.opened,
            ...Object.fromEntries(
              Object.entries(snapshot.closed).map(([reason, n]) => [`mcp_sessions_closed_total{reason="${reason}"}`, n])
            ),
            mcp_sessions_refused_total: snapshot.refused,
            mcp_requests_total: snapshot.requests,
            mcp_requests_in_flight: snapshot.inFlight,
            mcp_streams_open: snapshot.openStreams,
            mcp_sweep_duration_seconds_sum: snapshot.sweepMillis / 1000,
            mcp_sweep_duration_seconds_count: snapshot.sweeps,
            mcp_draining: snapshot.isDraining ? 1 : 0
          }, step)
          if (step === "one too many") {
            assert.deepInclude(all, { "mcp_sessions_open{transport=\"streamable-http\"}": 2 })
          }
          if (step === "it is drained") assert.deepInclude(all, { mcp_sweep_duration_seconds_sum: 0.048 })
        })
      )
    ))

  it.effect("stays of the text format whatever a label says", () =>
    Effect.gen(function*() {
      const snapshot = yield* (yield* SessionRegistry.make()).snapshot
      const strange = "it \"said\"\nC:\\new {a=\"b\"} 7"
      const more: Readonly<Record<string, number>> = { [strange]: 3 }
      const page = parse(prometheusText({ ...snapshot, closed: { ...snapshot.closed, ...more } }))
      assert.deepInclude(page.get("mcp_sessions_closed_total")?.labels, { reason: strange })
      assert.strictEqual(Object.keys(page.get("mcp_sessions_closed_total")?.samples ?? {}).length, 11)
    }))

  it.live("is what the operators' port answers", () =>
    isolated(Effect.gen(function*() {
      let port = 0
      yield* open({ admin: { port: 0, onListen: (bound) => void (port = bound) } })
      yield* eventually("the port listens", () => port !== 0)
      const { text, type } = yield* Effect.promise(async (signal) => {
        const response = await fetch(`http://127.0.0.1:${port}/metrics`, { signal })
        return { type: response.headers.get("content-type"), text: await response.text() }
      })
      assert.match(type ?? "", /^text\/plain; ?version=0\.0\.4/)
      assert.strictEqual(parse(text).size, 10)
    })))

  it("a page that breaks a rule of the format is seen as such", () => {
    const head = "# HELP a_total Help.\n# TYPE a_total counter\n"
    assert.deepStrictEqual(parse(`${head}a_total{b="c"} 1\n`).get("a_total")?.samples, { "a_total{b=\"c\"}": 1 })
    const broken: ReadonlyArray<[page: string, rule: RegExp]> = [
      [`${head}a_total 1`, /newline/],
      [`${head}\na_total 1\n`, /empty line/],
      ["a_total 1\n", /no TYPE/],
      ["# TYPE a_total counter\na_total 1\n", /no HELP/],
      [`${head}b_total 1\n`, /not of the family/],
      [`${head}a_total 1\na_total 2\n`, /twice/],
      [`${head}a_total 1\n${head}a_total 1\n`, /twice/],
      [`${head}`, /no sample/],
      [`${head}a_total{b="c} 1\n`, /not a sample/],
      [`${head}a_total{b="\\c"} 1\n`, /not a sample/],
      [`${head}a_total{b=c} 1\n`, /not a sample/],
      [`${head}a_total{b="c",b="d"} 1\n`, /label twice/],
      [`${head}a_total one\n`, /not a sample/],
      [`${head}a_total -1\n`, /counts down/],
      ["# HELP a Help.\n# TYPE a counter\na 1\n", /_total/],
      ["# HELP a_total Help.\n# TYPE a_total gauge\na_total 1\n", /_total/],
      ["# HELP a_millis Help.\n# TYPE a_millis gauge\na_millis 1\n", /base unit/],
      ["# HELP a Help.\n# TYPE a summary\na_sum 1\n", /sum and count/],
      ["# HELP a Help.\n# TYPE a other\na 1\n", /not a TYPE/]
    ]
    for (const [page, rule] of broken) assert.throws(() => parse(page), rule)
  })
})

describe("docs/metrics.md", () => {
  it.effect("names every series, as Effect's exporter and as the page for Prometheus name it", () =>
    isolated(Effect.gen(function*() {
      const text = Fs.readFileSync(new URL("../../../docs/metrics.md", import.meta.url), "utf8")
      const named = (name: string): boolean => text.includes(`\`${name}\``)
      const registry = yield* SessionRegistry.make()
      yield* ConnectionPool.make({
        fingerprint: (key: string) => key,
        classify: () => "permanent",
        dial: () => Effect.fail("nobody is there")
      })
      yield* measured("echo", Effect.void, () => "ok")
      const ids = (yield* Metric.snapshot).map(({ id }) => id)
      const families = (yield* PrometheusMetrics.format()).matchAll(/^# TYPE (\S+)/gm)
      const names = [
        ...new Set([...ids, ...[...families].map(([, name = ""]) => name)]),
        ...parse(prometheusText(yield* registry.snapshot)).keys()
      ]
      assert.lengthOf(names, 2 * (17 + 9 + 1) + 10)
      assert.deepStrictEqual(names.filter((name) => !named(name)), [])
      // And nothing that is not there: what it names is a series, or a sample of one.
      const known = (word: string) =>
        names.some((name) => word === name || /_(sum|count|bucket)$/.test(word.slice(name.length)))
      // Those of jobs and of the client are held against their own packages.
      const rest = text.replace(/^## Client\n.*?(?=^## )/ms, "")
      const said = [...rest.matchAll(/\b(?:holdfast[._](?!jobs|client)|mcp_(?!client))[a-z._]*[a-z]/g)].map(([word]) =>
        word
      )
      assert.deepStrictEqual([...new Set(said)].filter((word) => !known(word)), [])
    })))
})

interface Family {
  readonly type: string
  /** By name and labels, as written. */
  readonly samples: Record<string, number>
  /** The last sample's, unescaped. */
  readonly labels: Readonly<Record<string, string>>
}

const sampleLine =
  /^(?<name>[a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(?<labels>(?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\]|\\[\\"n])*",?)*)\})? (?<value>[+-]?(?:\d+(?:\.\d+)?(?:e[+-]?\d+)?|Inf)|NaN)$/

/** Reads a page, and throws at whatever the format, or the customs of its names, do not allow. */
const parse = (page: string): ReadonlyMap<string, Family> => {
  const families = new Map<string, Family>()
  const helps = new Set<string>()
  const sampled = new Set<string>()
  let current: [name: string, family: Family] | undefined
  const finish = (): void => {
    if (current === undefined) return
    const [name, { samples, type }] = current
    const names = Object.keys(samples).map((sample) => sample.replace(/\{.*$/s, ""))
    if (names.length === 0) throw new Error(`${name} has no sample`)
    if (type === "summary" && names.join() !== `${name}_sum,${name}_count`) throw new Error(`${name}: sum and count`)
  }
  if (!page.endsWith("\n")) throw new Error("no newline at the end")
  for (const line of page.slice(0, -1).split("\n")) {
    if (line === "") throw new Error("an empty line")
    const comment = /^# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+)$/.exec(line)
    if (comment !== null) {
      const [, what, name = "", rest = ""] = comment
      const known = what === "HELP" ? helps : families
      if (known.has(name)) throw new Error(`${name}: ${what} twice`)
      if (what === "HELP") {
        helps.add(name)
        continue
      }
      if (!helps.has(name)) throw new Error(`${name} has no HELP before its TYPE`)
      if (!/^(counter|gauge|summary)$/.test(rest)) throw new Error(`${rest} is not a TYPE`)
      if ((rest === "counter") !== name.endsWith("_total")) throw new Error(`${name}: counters end in _total`)
      if (/milli|micro|nano|minute/.test(name)) throw new Error(`${name} is not in a base unit`)
      finish()
      current = [name, { type: rest, samples: {}, labels: {} }]
      families.set(...current)
      continue
    }
    const { labels = "", name = "", value = "" } = sampleLine.exec(line)?.groups ?? {}
    if (name === "") throw new Error(`not a sample: ${line}`)
    if (current === undefined) throw new Error(`${name} has no TYPE`)
    const [family, { samples, type }] = current
    const own = type === "summary" ? [`${family}_sum`, `${family}_count`] : [family]
    if (!own.includes(name)) throw new Error(`${name} is not of the family ${family}`)
    if (type !== "gauge" && !(Number(value) >= 0)) throw new Error(`${name} counts down: ${value}`)
    const pairs = [...labels.matchAll(/([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"/g)].map(
      ([, label = "", text = ""]): [string, string] => [
        label,
        text.replace(/\\(.)/g, (_, letter: string) => letter === "n" ? "\n" : letter)
      ]
    )
    const unescaped = Object.fromEntries(pairs)
    if (Object.keys(unescaped).length !== pairs.length) throw new Error(`${name} has a label twice`)
    const key = labels === "" ? name : `${name}{${labels}}`
    if (sampled.has(key)) throw new Error(`${key} is there twice`)
    sampled.add(key)
    samples[key] = Number(value)
    current = [family, { type, samples, labels: unescaped }]
    families.set(...current)
  }
  finish()
  return families
}
