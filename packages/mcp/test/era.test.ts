/** Which era of the protocol a server speaks is found out, remembered, and then spoken. */
import { assert, describe, it } from "@effect/vitest"
import {
  Endpoint,
  type LayerOptions,
  McpConfig,
  McpConnections,
  RequestDeclined,
  type ServerOptions
} from "@holdfast/mcp"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"

interface Heard {
  readonly pid: number
  readonly method?: string
  readonly params?: { readonly _meta?: Readonly<Record<string, unknown>>; readonly notifications?: unknown }
}

const program = (name: string): string => path.join(import.meta.dirname, "support", name)

const withServer = <A, E, R>(
  args: ReadonlyArray<string>,
  options: LayerOptions & Pick<ServerOptions, "era">,
  f: (mcp: McpConnections["Service"], heard: () => ReadonlyArray<Heard>) => Effect.Effect<A, E, R>
) =>
  Effect.gen(function*() {
    const directory = yield* Effect.acquireRelease(
      Effect.sync(() => fs.mkdtempSync(path.join(os.tmpdir(), "hf-test-"))),
      (directory) => Effect.sync(() => fs.rmSync(directory, { recursive: true }))
    )
    const log = path.join(directory, "log")
    const { era, ...rest } = options
    const config = yield* McpConfig.make({
      s: {
        endpoint: Endpoint.stdio({ command: process.execPath, args, env: { SPY_LOG: log } }),
        era,
        policy: { backoff: { initial: "10 millis", max: "100 millis" } }
      }
    })
    const heard = (): ReadonlyArray<Heard> =>
      fs.readFileSync(log, "utf8").split("\n").slice(0, -1).map((line) => JSON.parse(line))
    return yield* Effect.provide(
      Effect.flatMap(McpConnections, (mcp) => f(mcp, heard)),
      McpConnections.layer(config, rest)
    )
  })

const methods = (heard: () => ReadonlyArray<Heard>) => heard().map(({ method }) => method)
const eraOf = (mcp: McpConnections["Service"]) =>
  mcp.use("s", ({ era, protocolVersion }) => Effect.succeed({ era, protocolVersion }))
const textOf = (
  result: { readonly content: ReadonlyArray<{ readonly type: string; readonly text?: unknown }> }
): unknown => JSON.parse(String(result.content[0]?.text))

describe("the era of a server", () => {
  it.live("a modern server is spoken to without a handshake, and every request says what it needs", () =>
    withServer(
      [program("modern-server.ts")],
      { clientInfo: { name: "host", version: "3" } },
      (mcp, heard) =>
        Effect.gen(function*() {
          yield* mcp.callTool("s", { name: "any" }, { idempotent: false })
          assert.deepStrictEqual(yield* eraOf(mcp), { era: "modern", protocolVersion: "2026-07-28" })
          const asked = methods(heard).filter((method) => method !== "subscriptions/listen")
          assert.deepStrictEqual(asked, ["server/discover", "tools/call"])
          for (const { params } of heard()) {
            assert.deepInclude(params?._meta, {
              "io.modelcontextprotocol/protocolVersion": "2026-07-28",
              "io.modelcontextprotocol/clientInfo": { name: "host", version: "3" },
              "io.modelcontextprotocol/clientCapabilities": {}
            })
          }
          const info = yield* mcp.use(
            "s",
            ({ instructions, serverInfo }) => Effect.succeed({ instructions, serverInfo })
          )
          assert.deepStrictEqual(info, { instructions: "obey", serverInfo: { name: "modern", version: "1.0.0" } })
        })
    ))

  it.live("a legacy server that does not know the question is initialized on the same process", () =>
    withServer([program("scripted-server.ts")], {}, (mcp, heard) =>
      Effect.gen(function*() {
        yield* mcp.callTool("s", { name: "pid" }, { idempotent: false })
        assert.deepStrictEqual(yield* eraOf(mcp), { era: "legacy", protocolVersion: "2025-11-25" })
        assert.deepStrictEqual(methods(heard), [
          "(start)",
          "server/discover",
          "initialize",
          "notifications/initialized",
          "tools/call"
        ])
        assert.isUndefined(heard().at(-1)?.params?._meta?.["io.modelcontextprotocol/protocolVersion"])
      })))

  it.live("a legacy server that says yes to everything is no modern one", () =>
    withServer([program("modern-server.ts"), "nod"], {}, (mcp, heard) =>
      Effect.gen(function*() {
        yield* mcp.callTool("s", { name: "any" }, { idempotent: false })
        assert.strictEqual((yield* eraOf(mcp)).era, "legacy")
        assert.deepStrictEqual(methods(heard).slice(0, 2), ["server/discover", "initialize"])
      })))

  it.live("a legacy server that dies of the question is started once more, and never asked again", () =>
    withServer([program("modern-server.ts"), "exit"], {}, (mcp, heard) =>
      Effect.gen(function*() {
        yield* mcp.callTool("s", { name: "any" }, { idempotent: false })
        assert.deepStrictEqual(methods(heard).slice(0, 2), ["server/discover", "initialize"])
        const [first] = (yield* mcp.snapshot).keys
        assert.strictEqual(first?.dials, 1)
        yield* mcp.use("s", ({ process: child }) => Effect.sync(() => process.kill(child?.pid ?? 0, "SIGKILL")))
        yield* mcp.callTool("s", { name: "any" }, { idempotent: true })
        assert.strictEqual(methods(heard).filter((method) => method === "server/discover").length, 1)
      })))

  it.live("an era that is stated is not asked for", () =>
    Effect.gen(function*() {
      yield* withServer([program("modern-server.ts"), "both"], { era: "legacy" }, (mcp, heard) =>
        Effect.gen(function*() {
          assert.strictEqual((yield* eraOf(mcp)).era, "legacy")
          assert.notInclude(methods(heard), "server/discover")
        }))
      yield* withServer([program("scripted-server.ts")], { era: "modern" }, (mcp) =>
        Effect.gen(function*() {
          const failure = yield* Effect.flip(eraOf(mcp))
          assert.strictEqual(failure.reason._tag, "HandshakeFailed")
        }))
    }))
})

describe("a modern server that needs input", () => {
  it.live("is answered by the handlers, and asked again with the answers and its state", () => {
    const handlers = {
      roots: () => Effect.succeed([{ uri: "file:///here" }]),
      elicitation: (params: unknown) => Effect.succeed({ action: "accept", asked: params })
    }
    return withServer([program("modern-server.ts")], { handlers }, (mcp) =>
      Effect.gen(function*() {
        assert.deepStrictEqual(textOf(yield* mcp.callTool("s", { name: "curious" })), {
          inputResponses: {
            where: { roots: [{ uri: "file:///here" }] },
            who: { action: "accept", asked: { ask: "name" } }
          },
          requestState: "opaque"
        })
      }))
  })

  it.live("is not asked for ever, and what is not offered or declined ends the call", () =>
    Effect.gen(function*() {
      const roots = () => Effect.succeed([])
      yield* withServer([program("modern-server.ts")], { handlers: { roots } }, (mcp) =>
        Effect.gen(function*() {
          const endless = yield* Effect.flip(mcp.callTool("s", { name: "insatiable" }))
          assert.match(endless.message, /asked for input 16 times/)
          const missing = yield* Effect.flip(mcp.callTool("s", { name: "curious" }))
          assert.match(missing.message, /needs elicitation\/create to go on, which is not offered/)
        }))
      const elicitation = () => Effect.fail(new RequestDeclined({ code: -1, message: "no" }))
      yield* withServer([program("modern-server.ts")], { handlers: { roots, elicitation } }, (mcp) =>
        Effect.gen(function*() {
          const declined = yield* Effect.flip(mcp.callTool("s", { name: "curious" }))
          assert.deepInclude(declined.reason, { _tag: "ServerError", code: -1 })
        }))
    }))
})

/** Waits until so many different resources were said to have changed. */
const updatesOf = (mcp: McpConnections["Service"], count: number) => {
  const uris = new Set<unknown>()
  const seen = Stream.takeUntil(
    mcp.notifications,
    ({ params }) => uris.add(JSON.stringify(params).match(/memo:..\d/)?.[0]).size === count
  )
  return Effect.forkChild(Stream.runDrain(seen), { startImmediately: true })
}

describe("what a modern server says of its own accord", () => {
  it.live("is asked for on a request that stays open, anew when the wishes change, and by the next connection", () =>
    withServer([program("modern-server.ts")], {}, (mcp, heard) =>
      Effect.scoped(Effect.gen(function*() {
        const updates = yield* updatesOf(mcp, 2)
        yield* mcp.subscribe("s", "memo://1")
        yield* mcp.logLevel("s", "warning")
        yield* mcp.subscribe("s", "memo://2")
        yield* Fiber.join(updates)
        yield* Effect.flip(mcp.callTool("s", { name: "die" }, { idempotent: false }))
        const again = yield* updatesOf(mcp, 2)
        yield* mcp.callTool("s", { name: "any" }, { idempotent: false })
        yield* Fiber.join(again)
        const asked = heard().filter(({ method }) => method === "subscriptions/listen")
        assert.deepStrictEqual(asked.at(-1)?.params?.notifications, {
          toolsListChanged: true,
          resourceSubscriptions: ["memo://1", "memo://2"]
        })
        const called = heard().findLast(({ method }) => method === "tools/call")
        assert.strictEqual(called?.params?._meta?.["io.modelcontextprotocol/logLevel"], "warning")
        assert.notInclude(methods(heard), "resources/subscribe")
        assert.strictEqual(yield* mcp.use("s", (connection) => Effect.sync(connection.inFlight)), 0)
      }))))
})
