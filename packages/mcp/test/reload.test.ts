/** Another config while everything runs: by a call, and by a file that changes. */
import { assert, describe, it } from "@effect/vitest"
import { McpConfig, McpConnections } from "@holdfast/mcp"
import { MemoryServer } from "@holdfast/mcp/testing"
import { type Catalog, ToolCatalog } from "@holdfast/mcp/ToolCatalog"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { eventually } from "./support/eventually.ts"

const serverWith = (tool: string) =>
  MemoryServer.make({ era: "legacy", tools: { [tool]: { run: () => Effect.succeed(tool) } } })

const namesOf = (catalog: Catalog): ReadonlyArray<string> => catalog.tools.map(({ name }) => name)

describe("another config", () => {
  it.live("brings the catalog the tools of new servers and takes those of old ones; what stays keeps its connection", () =>
    Effect.gen(function*() {
      const [stays, goes, comes] = [yield* serverWith("stay"), yield* serverWith("go"), yield* serverWith("come")]
      const before = yield* McpConfig.make({ a: stays.endpoint, b: goes.endpoint })
      const after = yield* McpConfig.make({ a: stays.endpoint, c: comes.endpoint })
      const context = yield* Layer.build(ToolCatalog.layer().pipe(Layer.provideMerge(McpConnections.layer(before))))
      const catalog = Context.get(context, ToolCatalog)
      assert.deepStrictEqual(namesOf(yield* catalog.ready()), ["a__stay", "b__go"])
      yield* Context.get(context, McpConnections).reload(after)
      let now: ReadonlyArray<string> = []
      yield* catalog.ready().pipe(
        Effect.tap((seen) => Effect.sync(() => void (now = namesOf(seen)))),
        Effect.repeat({ until: () => now.join() === "a__stay,c__come" }),
        Effect.timeout("2 minutes")
      )
      assert.strictEqual((yield* catalog.call("c__come")).isError, undefined)
      assert.strictEqual(stays.opened(), 1)
      const gone = yield* Effect.flip(catalog.call("b__go", {}, { deadline: "1 minute" }))
      assert.strictEqual(gone.reason._tag, "UnknownTool")
    }))

  it.live("is taken from the file when that changes, and one that is none is not", () =>
    Effect.gen(function*() {
      const folder = yield* Effect.acquireRelease(
        Effect.sync(() => fs.mkdtempSync(path.join(os.tmpdir(), "hf-test-reload-"))),
        (folder) => Effect.sync(() => fs.rmSync(folder, { recursive: true, force: true }))
      )
      const file = path.join(folder, "mcp.json")
      const write = (names: ReadonlyArray<string>): void => {
        const entries = names.map((name) => [name, { command: "nothing-is-started" }])
        // As editors do it: a new file in the place of the old one.
        fs.writeFileSync(`${file}.new`, JSON.stringify({ mcpServers: Object.fromEntries(entries) }))
        fs.renameSync(`${file}.new`, file)
      }
      write(["one"])
      const told: Array<string> = []
      const logger = Logger.layer([Logger.make(({ message }) => void told.push(String(message)))])
      const context = yield* Layer.build(McpConnections.layerFile(file, { watch: true }).pipe(Layer.provide(logger)))
      const mcp = Context.get(context, McpConnections)
      assert.deepStrictEqual(mcp.servers, ["one"])
      write(["one", "two"])
      yield* eventually("the new config is taken", () => mcp.servers.join() === "one,two")
      fs.writeFileSync(file, "{")
      yield* eventually("it is told of", () => told.some((message) => message.includes("the config stays as it was")))
      assert.deepStrictEqual(mcp.servers, ["one", "two"])
      write(["three"])
      yield* eventually("the next one is taken", () => mcp.servers.join() === "three")
    }))
})
