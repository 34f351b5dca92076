/**
 * The ways from other clients to this one, as `docs/migration.md` shows them: each is run here, and its server killed on the way.
 */
import { createMCPClient, type MCPClient } from "@ai-sdk/mcp"
import { StdioMCPTransport } from "@ai-sdk/mcp/mcp-stdio"
import { assert, describe, it } from "@effect/vitest"
import { McpConnections } from "@holdfast/mcp"
import { MultiServerMCPClient } from "@langchain/mcp-adapters"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as fs from "node:fs"
import { createRequire } from "node:module"
import * as os from "node:os"
import * as path from "node:path"
import * as aiSdk from "./aiSdk.ts"
import * as langChain from "./langChain.ts"
import { fromMcporter } from "./mcporter.ts"
import * as sdkClientV1 from "./sdkClientV1.ts"
import * as sdkClientV2 from "./sdkClientV2.ts"

const everything = createRequire(import.meta.url).resolve("@modelcontextprotocol/server-everything/dist/index.js")
const entry = { command: process.execPath, args: [everything, "stdio"] }

const temporaryFolder = Effect.acquireRelease(
  Effect.sync(() => fs.mkdtempSync(path.join(os.tmpdir(), "hf-test-recipes-"))),
  (folder) => Effect.sync(() => fs.rmSync(folder, { recursive: true }))
)

const configFile = (config: object) =>
  Effect.map(temporaryFolder, (folder) => {
    const file = path.join(folder, "mcp.json")
    fs.writeFileSync(file, JSON.stringify(config))
    return file
  })

/** Kills the process behind the connection and waits until the runtime has seen it. Returns its pid. */
const kill = (server: string) =>
  McpConnections.use((mcp) =>
    mcp.use(server, (connection) => {
      const pid = connection.process?.pid
      assert.isDefined(pid)
      return Effect.sync(() => process.kill(pid, "SIGKILL")).pipe(Effect.andThen(connection.closed), Effect.as(pid))
    })
  )

const textOf = (result: object): string =>
  "content" in result && Array.isArray(result.content) ? String(result.content[0]?.text) : JSON.stringify(result)

type OnProgress = (progress: { readonly progress: number }) => void

/** A server whose processes are known: each is noted before it is the server. */
const noted = Effect.map(temporaryFolder, (folder) => {
  const pids = path.join(folder, "pids")
  const code = `import fs from "node:fs"; fs.appendFileSync(${JSON.stringify(pids)}, process.pid + "\\n")`
  return {
    entry: { ...entry, args: ["--import", `data:text/javascript,${encodeURIComponent(code)}`, ...entry.args] },
    started: () => fs.readFileSync(pids, "utf8").trim().split("\n").map(Number)
  }
})

/** What a tool of LangChain's is, whatever it was made of. */
interface Invocable {
  readonly name: string
  readonly invoke: (input: { readonly message: string }) => Promise<unknown>
}

/** What the two versions of `Client` have in common. */
interface Opened {
  readonly runtime: Awaited<ReturnType<typeof sdkClientV1.open>>["runtime"]
  readonly onClose: (listener: () => void) => void
  readonly list: () => Promise<{ readonly tools: ReadonlyArray<{ readonly name: string }> }>
  readonly call: (name: string, args: Record<string, unknown>, onprogress?: OnProgress) => Promise<object>
  readonly close: () => Promise<void>
}

const clients: Record<1 | 2, (file: string) => Promise<Opened>> = {
  1: async (file) => {
    const { client, runtime } = await sdkClientV1.open(file, "everything")
    return {
      runtime,
      onClose: (onclose) => void Object.assign(client, { onclose }),
      list: () => client.listTools(),
      call: (name, args, onprogress) =>
        client.callTool({ name, arguments: args }, undefined, { ...(onprogress && { onprogress }) }),
      close: () => client.close()
    }
  },
  2: async (file) => {
    const { client, runtime } = await sdkClientV2.open(file, "everything")
    return {
      runtime,
      onClose: (onclose) => void Object.assign(client, { onclose }),
      list: () => client.listTools(),
      call: (name, args, onprogress) =>
        client.callTool({ name, arguments: args }, { ...(onprogress && { onprogress }) }),
      close: () => client.close()
    }
  }
}

describe("a migration", () => {
  for (const version of [1, 2] as const) {
    it.live(`from the SDK's Client, version ${version}: it lists, calls and hears progress, and no kill -9 is noticed`, () =>
      Effect.gen(function*() {
        const file = yield* configFile({ mcpServers: { everything: entry } })
        const { call, close, list, onClose, runtime } = yield* Effect.acquireRelease(
          Effect.promise(() => clients[version](file)),
          ({ runtime }) => runtime.disposeEffect
        )
        let closed = 0
        onClose(() => closed++)
        const killed = Effect.promise(() => runtime.runPromise(kill("everything")))
        const names = Effect.map(Effect.promise(list), ({ tools }) => tools.map((tool) => tool.name))
        const echo = (message: string) => Effect.map(Effect.promise(() => call("echo", { message })), textOf)
        const tools = yield* names
        assert.include(tools, "echo")
        assert.strictEqual(yield* echo("one"), "Echo: one")
        const first = yield* killed
        assert.strictEqual(yield* echo("two"), "Echo: two")
        const progress: Array<number> = []
        yield* Effect.promise(() =>
          call(
            "trigger-long-running-operation",
            { duration: 0.2, steps: 4 },
            (report) => progress.push(report.progress)
          )
        )
        assert.deepStrictEqual(progress, [1, 2, 3, 4])
        assert.notStrictEqual(yield* killed, first)
        assert.deepStrictEqual(yield* names, tools)
        assert.strictEqual(closed, 0)
        yield* Effect.promise(close)
        assert.strictEqual(closed, 1)
      }))
  }

  it.live("from the AI SDK's client: before, a kill -9 is its end; after, it is not noticed", () =>
    Effect.gen(function*() {
      const { entry, started } = yield* noted
      const before = yield* Effect.acquireRelease(
        Effect.promise(() => createMCPClient({ transport: new StdioMCPTransport(entry) })),
        (client) => Effect.promise(() => client.close())
      )
      const echo = (client: MCPClient, message: string) =>
        Effect.map(Effect.promise(() => client.callTool({ name: "echo", arguments: { message } })), textOf)
      assert.strictEqual(yield* echo(before, "one"), "Echo: one")
      process.kill(started()[0] ?? 0, "SIGKILL")
      assert.isTrue(Exit.isFailure(yield* Effect.exit(echo(before, "two"))))

      const file = yield* configFile({ mcpServers: { everything: entry } })
      const { client, runtime } = yield* Effect.acquireRelease(
        Effect.promise(() => aiSdk.open(file, "everything")),
        ({ runtime }) => runtime.disposeEffect
      )
      assert.containsAllKeys(yield* Effect.promise(() => client.tools()), ["echo"])
      assert.strictEqual(yield* echo(client, "one"), "Echo: one")
      yield* Effect.promise(() => runtime.runPromise(kill("everything")))
      assert.strictEqual(yield* echo(client, "two"), "Echo: two")
      yield* Effect.promise(() => client.close())
    }))

  it.live("from LangChain's MultiServerMCPClient: before, a kill -9 is its end; after, its tools go on", () =>
    Effect.gen(function*() {
      const { entry, started } = yield* noted
      const before = yield* Effect.acquireRelease(
        Effect.sync(() => new MultiServerMCPClient({ mcpServers: { everything: { transport: "stdio", ...entry } } })),
        (client) => Effect.promise(() => client.close())
      )
      const file = yield* configFile({ mcpServers: { everything: entry } })
      const after = yield* Effect.acquireRelease(
        Effect.promise(() => langChain.open(file)),
        ({ close }) => Effect.promise(close)
      )
      const say = (tools: ReadonlyArray<Invocable>, message: string) =>
        Effect.promise(async () => {
          const echo = tools.find(({ name }) => name.endsWith("echo"))
          assert.isDefined(echo)
          return textOf({ content: [{ text: await echo.invoke({ message }) }] })
        })
      const earlier = yield* Effect.promise(() => before.getTools())
      assert.strictEqual(yield* say(earlier, "one"), "Echo: one")
      assert.deepStrictEqual(yield* Effect.all([say(after.tools, "one"), say(after.tools, "two")]), [
        "Echo: one",
        "Echo: two"
      ])
      // One process each.
      assert.lengthOf(started(), 2)
      for (const pid of started()) process.kill(pid, "SIGKILL")
      assert.isTrue(Exit.isFailure(yield* Effect.exit(say(earlier, "three"))))
      assert.strictEqual(yield* say(after.tools, "three"), "Echo: three")
      assert.lengthOf(started(), 3)
    }))

  it("is shown in docs/migration.md as it is run here", () => {
    const page = fs.readFileSync(path.join(import.meta.dirname, "../../docs/migration.md"), "utf8")
    for (const file of ["sdkClientV1.ts", "sdkClientV2.ts", "mcporter.ts", "langChain.ts", "aiSdk.ts"]) {
      // Without its first comment.
      const code = fs.readFileSync(path.join(import.meta.dirname, file), "utf8").replace(/^\/\*\*[^]*?\*\/\n/, "")
        .trim()
      assert.include(page, code, `docs/migration.md does not show ${file} as it is`)
    }
  })

  it.live("from mcporter's config: the same servers under the same names, and a kill -9 in between", () =>
    Effect.gen(function*() {
      const mcporter = JSON.stringify({
        mcpServers: {
          list: { description: "words", command: [process.execPath, everything], args: ["stdio"] },
          split: { command: `${process.execPath} ${everything} stdio` },
          docs: {
            baseUrl: "http://127.0.0.1:9/mcp",
            headers: { "X-Team": "$env:TEAM", "X-Mode": "${MODE:-fast}" },
            bearerTokenEnv: "DOCS_TOKEN"
          }
        },
        imports: []
      })
      const converted = fromMcporter(mcporter)
      assert.deepStrictEqual(converted.mcpServers["docs"], {
        url: "http://127.0.0.1:9/mcp",
        headers: { "X-Team": "${TEAM}", "X-Mode": "${MODE:-fast}", Authorization: "Bearer ${DOCS_TOKEN}" }
      })
      const file = yield* configFile(converted)
      yield* Effect.gen(function*() {
        const mcp = yield* McpConnections
        assert.deepStrictEqual(mcp.servers, ["list", "split"])
        for (const server of ["list", "split"]) {
          const call = mcp.callTool(server, { name: "echo", arguments: { message: server } })
          assert.strictEqual(textOf(yield* call), `Echo: ${server}`)
          yield* kill(server)
          assert.strictEqual(textOf(yield* call), `Echo: ${server}`)
        }
      }).pipe(Effect.provide(McpConnections.layerFile(file)))
    }))
})
