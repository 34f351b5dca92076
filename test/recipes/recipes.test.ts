/**
 * The ways from other clients to this one, as `docs/migration.md` shows them: each is run here, and its server killed on the way.
 */
import { assert, describe, it } from "@effect/vitest"
import { McpConnections } from "@holdfast/mcp"
import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import { createRequire } from "node:module"
import * as os from "node:os"
import * as path from "node:path"
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

  it("is shown in docs/migration.md as it is run here", () => {
    const page = fs.readFileSync(path.join(import.meta.dirname, "../../docs/migration.md"), "utf8")
    for (const file of ["sdkClientV1.ts", "sdkClientV2.ts", "mcporter.ts"]) {
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
