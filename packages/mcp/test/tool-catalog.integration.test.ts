/** Seed 4's problem on real servers: the tools of many, obtained once, used for as long as the application lives. */
import { assert, describe, it } from "@effect/vitest"
import { Endpoint, McpConfig, McpConnections } from "@holdfast/mcp"
import * as Messages from "@holdfast/mcp/Messages"
import { ToolCatalog } from "@holdfast/mcp/ToolCatalog"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { createRequire } from "node:module"

const resolve = createRequire(import.meta.url).resolve
const node = (file: string, ...args: ReadonlyArray<string>) =>
  Endpoint.stdio({ command: process.execPath, args: [resolve(file), ...args] })

describe("ToolCatalog over real servers", () => {
  it.live("tools obtained once work after kill -9 of their servers, and a server that cannot start blocks nobody", () =>
    Effect.gen(function*() {
      const config = yield* McpConfig.make({
        everything: node("@modelcontextprotocol/server-everything/dist/index.js", "stdio"),
        fs: node("@modelcontextprotocol/server-filesystem/dist/index.js", import.meta.dirname),
        missing: Endpoint.stdio({ command: "there-is-no-such-command", args: [] })
      })
      yield* Effect.provide(
        Effect.gen(function*() {
          const catalog = yield* ToolCatalog
          const mcp = yield* McpConnections
          const { unavailable } = yield* catalog.ready({ within: "2 minutes" })
          assert.deepStrictEqual(unavailable.map(({ error, server }) => `${server} ${error.reason._tag}`), [
            "missing CommandNotFound"
          ])
          // This server has no tools at first, and says so when it has: by then it must be asked again.
          const obtained = yield* catalog.changes.pipe(
            Stream.map(({ tools }) => ({
              echo: tools.find(({ name }) => name === "everything__echo"),
              list: tools.find(({ name }) => name === "fs__list_directory")
            })),
            Stream.filter(({ echo, list }) => echo !== undefined && list !== undefined),
            Stream.runHead,
            Effect.timeout("2 minutes")
          )
          const { echo, list } = Option.getOrThrow(obtained)
          assert(echo !== undefined && list !== undefined)
          const pidOf = (server: string) =>
            mcp.use(server, (connection) => Effect.succeed(connection.process?.pid ?? 0))
          for (let round = 0; round < 2; round++) {
            const before = yield* Effect.forEach(["everything", "fs"], pidOf)
            assert.include(Messages.textOf(yield* echo.call({ message: `round ${round}` })), `round ${round}`)
            assert.include(Messages.textOf(yield* list.call({ path: import.meta.dirname })), "tool-catalog")
            for (const pid of before) process.kill(pid, "SIGKILL")
            const after = yield* Effect.forEach(
              ["everything", "fs"],
              (server) => pidOf(server).pipe(Effect.repeat({ until: (pid) => !before.includes(pid) }))
            )
            assert.notDeepEqual(after, before)
          }
        }),
        Layer.provideMerge(ToolCatalog.layer(), McpConnections.layer(config))
      )
    }))
})
