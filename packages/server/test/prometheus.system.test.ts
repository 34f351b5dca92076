/**
 * `docs/metrics.md`, run by Prometheus and its `promtool`: the pages it is to scrape, the file it scrapes them by, the alert rules. They are
 * taken from the document itself.
 */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { assert, describe, it } from "@effect/vitest"
import * as ConnectionPool from "@holdfast/core/ConnectionPool"
import * as Drain from "@holdfast/server/Drain"
import * as EffectTool from "@holdfast/server/EffectTool"
import * as McpHost from "@holdfast/server/McpHost"
import * as SessionRegistry from "@holdfast/server/SessionRegistry"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServer from "effect/http/HttpServer"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as PrometheusMetrics from "effect/observability/PrometheusMetrics"
import * as fs from "node:fs"
import * as http from "node:http"
import * as path from "node:path"
import * as Debian from "./support/debianProgram.ts"
import * as DocumentedServer from "./support/documentedServer.ts"
import { echoServer, steering } from "./support/echoServer.ts"
import { until } from "./support/eventually.ts"
import * as Prometheus from "./support/prometheus.ts"
import { RawClient } from "./support/rawClient.ts"
import { StatelessClient } from "./support/statelessClient.ts"

type Server = Effect.Success<ReturnType<typeof DocumentedServer.start>>

const client = { authorization: `Bearer ${DocumentedServer.tokens.client}` }
const operator = { authorization: `Bearer ${DocumentedServer.tokens.operator}` }

const adminOf = ({ address, adminPort }: Server): string => `${address.split(":")[0]}:${adminPort}`

const pageOf = (url: string, headers: Record<string, string> = {}, method = "GET") =>
  Effect.promise((signal) => fetch(url, { headers, method, signal }).then((response) => response.text()))

/** One of everything that is counted: sessions that stay, end and stay half-open, a stream, an unknown session, calls without a session. */
const use = (url: string, headers: Record<string, string> = {}) =>
  Effect.gen(function*() {
    const ended = new RawClient(url, headers)
    yield* ended.initialize()
    yield* ended.send(undefined, {}, "DELETE")
    assert.strictEqual((yield* ended.request("ping")).status, 404)
    const stays = new RawClient(url, headers)
    yield* stays.initialize()
    assert.deepStrictEqual((yield* stays.json(yield* stays.request("ping"))).result, {})
    yield* stays.call("greet")
    const halfOpen = yield* new RawClient(url, headers).request("initialize", {
      protocolVersion: "2025-11-25",
      capabilities: {},
      clientInfo: { name: "raw", version: "1" }
    })
    assert.strictEqual(halfOpen.status, 200)
    assert.strictEqual((yield* new StatelessClient(url, headers).outcome("server/discover")).status, 200)
    yield* new StatelessClient(url, headers).call("missing")
    return yield* stays.stream()
  })

/** A program with a pool and a server of its own, and Effect's exporter: as the document says. */
const openProgram = Effect.gen(function*() {
  const pool = yield* ConnectionPool.make({
    fingerprint: (key: string) => key,
    classify: () => "permanent",
    dial: (key: string) => key === "there" ? Effect.succeed({ value: key, closed: Effect.never }) : Effect.fail("gone")
  })
  // The first lease and every sixteenth after it are measured.
  yield* Effect.forEach(Array.from({ length: 33 }), () => Effect.scoped(pool.lease("there")), { discard: true })
  yield* Effect.flip(Effect.scoped(pool.lease("gone")))
  const server = Effect.gen(function*() {
    const mcp = echoServer(steering())()
    yield* EffectTool.register(mcp, "greet", {}, () => Effect.succeed("hello"))
    return mcp
  })
  const routes = Layer.mergeAll(
    McpHost.layerRoutes({ server }),
    PrometheusMetrics.layerHttp({ path: "/metrics" })
  )
  const context = yield* Layer.build(
    Drain.layer("100 millis").pipe(
      Layer.provide(HttpRouter.serve(routes, { disableLogger: true, disableListenLog: true })),
      Layer.provideMerge([
        SessionRegistry.layer(),
        NodeHttpServer.layer(() => http.createServer(), { port: 0, host: "127.0.0.1" })
      ])
    )
  )
  const { address } = Context.get(context, HttpServer.HttpServer)
  return `127.0.0.1:${"port" in address ? address.port : 0}`
})

/** A metric registry of the test's own. */
const isolated = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.provideService(effect, Metric.MetricRegistry, new Map())

const checkMetrics = (text: string) => {
  const { status, stderr } = Debian.ask("promtool", ["check", "metrics"], text)
  return { status, said: stderr.split("\n").filter((line) => line !== "") }
}

describe("pages for Prometheus", () => {
  it.live("of the operators' port: promtool has nothing to say, of a server that is used and of one that drains", () =>
    Effect.gen(function*() {
      const server = yield* DocumentedServer.start()
      const origin = `http://${adminOf(server)}`
      const { events } = yield* use(server.url, client)
      const used = yield* pageOf(`${origin}/metrics`, operator)
      for (
        const line of [
          "mcp_sessions_open{transport=\"streamable-http\"} 2",
          "mcp_sessions{state=\"connecting\"} 1",
          "mcp_sessions_closed_total{reason=\"client\"} 1",
          "mcp_sessions_closed_total{reason=\"done\"} 2",
          "mcp_streams_open 1"
        ]
      ) assert.include(used.split("\n"), line)
      assert.deepStrictEqual(checkMetrics(used), { status: 0, said: [] })
      yield* pageOf(`${origin}/drain`, operator, "POST")
      const draining = yield* pageOf(`${origin}/metrics`, operator)
      assert.include(draining.split("\n"), "mcp_draining 1")
      assert.deepStrictEqual(checkMetrics(draining), { status: 0, said: [] })
      events.leave()
    }))

  it.live("of Effect's exporter: promtool only misses _total at the end of counters, as the document says", () =>
    isolated(Effect.gen(function*() {
      const address = yield* openProgram
      const { events } = yield* use(`http://${address}/mcp`)
      const page = yield* pageOf(`http://${address}/metrics`)
      const counters = Prometheus.documented.filter(({ kind, name }) =>
        kind === "counter" && name.startsWith("holdfast")
      )
      const { said, status } = checkMetrics(page)
      assert.strictEqual(status, 3)
      assert.sameMembers(said, counters.map(({ name }) => `${name} counter metrics should have "_total" suffix`))
      events.leave()
    })))
})

describe("docs/metrics.md, run by Prometheus", () => {
  it.live("finds every series it names, each of its kind, and no other, and takes its rules", () =>
    isolated(Effect.gen(function*() {
      const program = yield* openProgram
      // By addresses that are no names of loopback: as in a network.
      const [a, b] = yield* Effect.all([DocumentedServer.start("127.0.0.2"), DocumentedServer.start("127.0.0.3")], {
        concurrency: 2
      })
      const servers = [adminOf(a), adminOf(b)] as const
      const streams = [yield* use(a.url, client), yield* use(`http://${program}/mcp`)]
      const prometheus = yield* Prometheus.start({ program, servers, token: DocumentedServer.tokens.operator })

      const named = Prometheus.documented.flatMap(({ samples }) => samples)
      assert.isAbove(named.length, 30)
      type Target = { readonly health: string; readonly lastError: string }
      const { activeTargets } = yield* until(
        "every target was asked",
        prometheus.get<{ readonly activeTargets: ReadonlyArray<Target> }>("targets"),
        (seen) => seen.activeTargets.length === 3 && seen.activeTargets.every(({ health }) => health !== "unknown")
      )
      assert.deepStrictEqual(
        activeTargets.map(({ health, lastError }) => ({ health, lastError })),
        Array.from({ length: 3 }, () => ({ health: "up", lastError: "" }))
      )
      const names = yield* prometheus.get<ReadonlyArray<string>>("label/__name__/values")
      assert.sameMembers(names.filter((name) => /^(holdfast|mcp)_/.test(name)), named)
      const kinds = yield* prometheus.get<Record<string, ReadonlyArray<{ readonly type: string }>>>("metadata")
      for (const { kind, name } of Prometheus.documented) {
        assert.deepStrictEqual(kinds[name]?.map(({ type }) => type), [kind])
      }
      const reasons = yield* prometheus.get<ReadonlyArray<string>>("label/reason/values")
      assert.sameMembers([...reasons], [...Prometheus.documentedReasons])

      const { result } = yield* prometheus.get<{
        readonly result: ReadonlyArray<
          { readonly metric: { readonly instance: string }; readonly value: [number, string] }
        >
      }>("query?query=mcp_sessions_open%7Btransport%3D%22streamable-http%22%7D")
      assert.sameDeepMembers(result.map(({ metric, value }) => [metric.instance, value[1]]), [[servers[0], "2"], [
        servers[1],
        "0"
      ]])

      type Rule = { readonly name: string; readonly health: string; readonly lastError?: string }
      const asked = prometheus.get<{ readonly groups: ReadonlyArray<{ readonly rules: ReadonlyArray<Rule> }> }>("rules")
      const rules = yield* until(
        "every rule was evaluated",
        Effect.map(asked, ({ groups }) => groups.flatMap(({ rules }) => rules)),
        (all) => all.length > 0 && all.every(({ health }) => health !== "unknown")
      )
      assert.deepStrictEqual(rules.filter(({ health }) => health !== "ok"), [])
      assert.sameMembers(rules.map(({ name }) => name), [...alerts])
      for (const { events } of streams) events.leave()
    })))

  it.live("is refused by the operators' port without its token, and under a name that is not listed", () =>
    Effect.gen(function*() {
      const server = yield* DocumentedServer.start("127.0.0.2")
      const url = `http://${adminOf(server)}/metrics`
      assert.strictEqual(yield* Debian.statusOf(url, operator), 200)
      assert.strictEqual(yield* Debian.statusOf(url), 401)
      assert.strictEqual(yield* Debian.statusOf(url, { ...operator, host: "10.0.0.12:9464" }), 403)
    }))
})

const alerts: ReadonlyArray<string> = [...Prometheus.rules.matchAll(/^ +- alert: (\w+)$/gm)].map(([, name = ""]) =>
  name
)

/** Series in `promtool`'s notation, a value a minute, and what fires after an hour. */
interface Story {
  readonly what: string
  readonly series: Readonly<Record<string, string>>
  readonly fires: ReadonlyArray<string>
}

/** Of Effect's exporter. */
const pool = (name: string, more = ""): string => `holdfast_pool_${name}{job="j",instance="i",pool="default"${more}}`
const registry = (name: string, more = ""): string =>
  `holdfast_server_${name}{job="j",instance="i",registry="mcp"${more}}`
const jobs = (name: string, more = ""): string => `holdfast_jobs_${name}{job="j",instance="i",store="jobs"${more}}`
const calls = (outcome: string): string =>
  `holdfast_client_calls{job="j",instance="i",server="s",method="tools/call",tool="t",outcome="${outcome}"}`
const queue = (le: string): string =>
  `holdfast_client_queue_duration_bucket{job="j",instance="i",server="s",le="${le}"}`
/** Of the operators' page. */
const replica = (name: string, labels = ""): string => `mcp_${name}{job="j",instance="i"${labels}}`
const because = (reason: string): string => `,reason="${reason}"`

const stories: ReadonlyArray<Story> = [
  {
    what: "all is well",
    series: {
      [pool("timeout")]: "7+0x60",
      [pool("refused", because("AcquireTimeout"))]: "7+0x60",
      [pool("refused", because("Quarantined"))]: "3+0x60",
      [pool("refused", because("PoolClosed"))]: "0+1x60",
      [pool("quarantines")]: "3+0x60",
      [pool("leaks")]: "1+0x60",
      [pool("losses")]: "0+1x60",
      [pool("dials")]: "0+20x60",
      [pool("connections")]: "90+0x60",
      [pool("connections_max")]: "100+0x60",
      [pool("acquire_bucket", ",le=\"100\"")]: "0+999x60",
      [pool("acquire_bucket", ",le=\"2500\"")]: "0+1000x60",
      [pool("acquire_bucket", ",le=\"+Inf\"")]: "0+1000x60",
      [registry("sessions_refused")]: "5+0x60",
      [registry("sessions_opened")]: "0+100x60",
      [registry("sessions_closed", because("error"))]: "0+40x60",
      [registry("sessions_closed", because("half-open"))]: "0+9x60",
      [registry("sessions_closed", because("stale"))]: "0+50x60",
      // Now and then one is just being closed.
      [registry("sessions", ",state=\"closing\"")]: "1 1 1 0 2 1 1 1 1 0 1 1 0+0x48",
      [registry("sweeps")]: "0+2x60",
      [replica("sessions_refused_total")]: "5+0x60",
      [replica("draining")]: "0+0x60",
      [replica("sessions_opened_total")]: "0+100x60",
      [replica("sessions_closed_total", because("error"))]: "0+40x60",
      [replica("sessions_closed_total", because("half-open"))]: "0+9x60",
      [replica("sessions", ",state=\"closing\"")]: "1+0x50 0+0x10",
      [replica("sweep_duration_seconds_count")]: "0+2x60"
    },
    fires: []
  },
  {
    what: "callers time out",
    series: { [pool("timeout")]: "0+1x60", [pool("refused", because("AcquireTimeout"))]: "0+1x60" },
    fires: ["PoolGivesNoConnections"]
  },
  {
    what: "nobody answers, and nobody waits for it",
    series: { [pool("timeout")]: "0+0x60", [pool("refused", because("DialFailed"))]: "0+1x60" },
    fires: ["PoolGivesNoConnections"]
  },
  {
    what: "some were refused at once, and no more since",
    series: { [pool("refused", because("DialFailed"))]: "0+0x56 40 40 40 40" },
    fires: []
  },
  { what: "a quarantine", series: { [pool("quarantines")]: "0+0x20 1+0x40" }, fires: ["PoolQuarantinesServer"] },
  {
    what: "connections are lost",
    series: { [pool("losses")]: "0+2x60", [pool("dials")]: "0+10x60" },
    fires: ["PoolLosesConnections"]
  },
  {
    what: "a full pool",
    series: { [pool("connections")]: "95+0x60", [pool("connections_max")]: "100+0x60" },
    fires: ["PoolNearlyFull"]
  },
  {
    what: "a pool that is full for a moment",
    series: { [pool("connections")]: "10+0x50 100+0x10", [pool("connections_max")]: "100+0x60" },
    fires: []
  },
  { what: "a lease that is kept", series: { [pool("leaks")]: "0+0x20 1+0x40" }, fires: ["PoolLeaksLeases"] },
  {
    what: "callers wait",
    series: {
      [pool("acquire_bucket", ",le=\"1000\"")]: "0+98x60",
      [pool("acquire_bucket", ",le=\"2500\"")]: "0+100x60",
      [pool("acquire_bucket", ",le=\"+Inf\"")]: "0+100x60"
    },
    fires: ["PoolKeepsCallersWaiting"]
  },
  {
    what: "clients are refused",
    series: { [registry("sessions_refused")]: "0+1x60" },
    fires: ["ServerTurnsClientsAway"]
  },
  {
    what: "a drain that refuses clients, and is over",
    series: { [registry("sessions_refused")]: "0+0x56 20 40 _ _" },
    fires: []
  },
  {
    what: "most sessions fail",
    series: {
      [registry("sessions_opened")]: "0+10x60",
      [registry("sessions_closed", because("error"))]: "0+6x60"
    },
    fires: ["ServerFailsSessions"]
  },
  {
    what: "handshakes are not finished",
    series: {
      [registry("sessions_opened")]: "0+100x60",
      [registry("sessions_closed", because("half-open"))]: "0+11x60"
    },
    fires: ["ServerHandshakesUnfinished"]
  },
  {
    what: "closing hangs",
    series: { [registry("sessions", ",state=\"closing\"")]: "1+0x60" },
    fires: ["ServerClosingHangs"]
  },
  {
    what: "a tool dies",
    series: {
      "holdfast_tool_duration_count{job=\"j\",instance=\"i\",tool=\"greet\",outcome=\"defect\"}": "0+0x20 1+0x40"
    },
    fires: ["ToolDies"]
  },
  {
    what: "a tool fails, as tools may",
    series: { "holdfast_tool_duration_count{job=\"j\",instance=\"i\",tool=\"greet\",outcome=\"error\"}": "0+1x60" },
    fires: []
  },
  {
    what: "a store of jobs in trouble",
    series: {
      [jobs("store_troubled")]: "0+0x20 1+0x40",
      [jobs("queued_age", ",kind=\"scan\"")]: "0+10x60"
    },
    fires: ["JobStoreInTrouble"]
  },
  {
    what: "a store of jobs that is in trouble for a moment, and jobs that wait for theirs",
    series: {
      [jobs("store_troubled")]: "0+0x20 1+0x4 0+0x36",
      [jobs("queued_age", ",kind=\"scan\"")]: "0+60x14 0+60x14 0+60x14 0+60x14"
    },
    fires: []
  },
  {
    what: "jobs that nobody runs",
    series: { [jobs("queued_age", ",kind=\"scan\"")]: "0+60x60" },
    fires: ["JobsWaitTooLong"]
  },
  {
    what: "no sweep any more",
    series: { [registry("sweeps")]: "90+0x60", [registry("sessions", ",state=\"active\"")]: "1+0x60" },
    fires: ["ServerSweepsStopped"]
  },
  {
    what: "a registry has closed, and its program goes on",
    series: {
      [registry("sweeps")]: "90+0x60",
      ...Object.fromEntries(
        ["connecting", "active", "closing"].map((state) => [registry("sessions", `,state="${state}"`), "0+0x60"])
      )
    },
    fires: []
  },
  {
    what: "calls of a server fail",
    series: { [calls("ok")]: "0+80x60", [calls("OutcomeUnknown")]: "0+20x60" },
    fires: ["CallsFail"]
  },
  {
    what: "tools say that they have failed, and callers give up",
    series: { [calls("ok")]: "0+10x60", [calls("tool_error")]: "0+50x60", [calls("interrupted")]: "0+50x60" },
    fires: []
  },
  {
    what: "calls wait for a server",
    series: {
      [queue("5")]: "0+80x60",
      [queue("10")]: "0+100x60",
      [queue("+Inf")]: "0+100x60"
    },
    fires: ["CallsWaitForServer"]
  },
  {
    what: "a replica refuses clients",
    series: { [replica("sessions_refused_total")]: "0+1x60", [replica("draining")]: "0+0x60" },
    fires: ["ReplicaTurnsClientsAway"]
  },
  {
    what: "a replica that drains refuses clients, for as long as it takes",
    series: { [replica("sessions_refused_total")]: "0+1x60", [replica("draining")]: "0+0x40 1+0x20" },
    fires: []
  },
  {
    what: "most sessions of replicas fail",
    series: {
      [replica("sessions_opened_total")]: "0+10x60",
      [replica("sessions_closed_total", because("error"))]: "0+6x60"
    },
    fires: ["ReplicaFailsSessions"]
  },
  {
    what: "handshakes with replicas are not finished",
    series: {
      [replica("sessions_opened_total")]: "0+100x60",
      [replica("sessions_closed_total", because("half-open"))]: "0+11x60"
    },
    fires: ["ReplicaHandshakesUnfinished"]
  },
  {
    what: "closing hangs at a replica",
    series: { [replica("sessions", ",state=\"closing\"")]: "1+0x60" },
    fires: ["ReplicaClosingHangs"]
  },
  {
    what: "a replica sweeps no more",
    series: { [replica("sweep_duration_seconds_count")]: "90+0x60" },
    fires: ["ReplicaSweepsStopped"]
  }
]

/** Runs the rules over stories, each for itself. Returns what `promtool` has against it. */
const runRules = (directory: string, ...stories: ReadonlyArray<Story>): string => {
  const file = path.join(directory, "test.yml")
  // What is JSON is YAML.
  fs.writeFileSync(
    file,
    JSON.stringify({
      rule_files: ["alerts.yml"],
      evaluation_interval: "1m",
      tests: stories.map(({ fires, series, what }) => ({
        name: what,
        interval: "1m",
        input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
        promql_expr_test: [{
          expr: "count by (alertname) (ALERTS{alertstate=\"firing\"})",
          eval_time: "60m",
          exp_samples: fires.map((alertname) => ({ labels: `{alertname="${alertname}"}`, value: 1 }))
        }]
      }))
    })
  )
  const { status, stderr, stdout } = Debian.ask("promtool", ["test", "rules", file])
  return status === 0 ? "" : `${stdout}${stderr}`
}

describe("the alert rules of docs/metrics.md", () => {
  it.live("are a file that promtool has nothing to say against, and so is the one that Prometheus scrapes by", () =>
    Effect.gen(function*() {
      const directory = yield* Debian.temporaryDirectory("rules")
      const targets = { program: "127.0.0.1:1", servers: ["127.0.0.1:2", "127.0.0.1:3"], token: "-" } as const
      const { file, rulesFile } = Prometheus.write(directory, targets)
      const rules = Debian.ask("promtool", ["check", "rules", "--lint=all", "--lint-fatal", rulesFile])
      assert.strictEqual(rules.status, 0, rules.stdout + rules.stderr)
      assert.include(rules.stdout, `SUCCESS: ${alerts.length} rules found`)
      const configuration = Debian.ask("promtool", ["check", "config", file])
      assert.strictEqual(configuration.status, 0, configuration.stdout + configuration.stderr)
    }))

  it.live("each fire when they should, alone, and not otherwise", () =>
    Effect.gen(function*() {
      const directory = yield* Debian.temporaryDirectory("rules")
      fs.writeFileSync(path.join(directory, "alerts.yml"), Prometheus.rules)
      // All at once, since each start of promtool takes as long as its rules; it does not say which story was told wrongly.
      if (runRules(directory, ...stories) !== "") {
        for (const story of stories) assert.strictEqual(runRules(directory, story), "", story.what)
        assert.fail("each story is told rightly, and not all together")
      }
      assert.sameMembers([...new Set(stories.flatMap(({ fires }) => fires))], [...alerts])
      // What fires is compared: an alert that is expected and does not fire is a difference, and so is one that fires unexpectedly.
      const [well, timeouts] = stories
      if (well === undefined || timeouts === undefined) return assert.fail("no stories")
      assert.include(runRules(directory, { ...well, fires: ["PoolNearlyFull"] }), "FAILED")
      assert.include(runRules(directory, { ...timeouts, fires: [] }), "FAILED")
    }))
})
