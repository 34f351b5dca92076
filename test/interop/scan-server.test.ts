/** The scan server over stdio, for a client that starts a server to ask what it speaks, kills it, and starts another for the session. */
import { assert, describe, it } from "@effect/vitest"
import { MCPServerStdio, setTracingDisabled } from "@openai/agents"
import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { scanServer } from "../Programs.ts"
import { textOf } from "./support/textOf.ts"

setTracingDisabled(true)

describe("the scan server over stdio", () => {
  it.live("is there for OpenAI's agents each time they connect, over one file of scans", () =>
    Effect.gen(function*() {
      const folder = yield* Effect.acquireRelease(
        Effect.sync(() => fs.mkdtempSync(path.join(os.tmpdir(), "hf-test-agents-"))),
        (folder) => Effect.sync(() => fs.rmSync(folder, { recursive: true, force: true }))
      )
      fs.writeFileSync(path.join(folder, "plain.txt"), "nothing\n")
      const connect = Effect.acquireRelease(
        Effect.promise(async () => {
          const server = new MCPServerStdio({
            name: "scans",
            command: process.execPath,
            args: [scanServer, "--stdio"],
            cwd: folder,
            // Five seconds are the default, for a start and the first answer: too few on a machine that runs other tests, too.
            clientSessionTimeoutSeconds: 60
          })
          await server.connect()
          return server
        }),
        (server) => Effect.promise(() => server.close())
      )
      const ids: Array<string> = []
      for (let round = 0; round < 3; round++) {
        yield* Effect.scoped(Effect.gen(function*() {
          const server = yield* connect
          const call = (name: string, args: Record<string, unknown>) =>
            Effect.map(Effect.promise(() => server.callTool(name, args)), textOf)
          for (let times = 0; times < 2; times++) {
            const tools = yield* Effect.promise(() => server.listTools())
            assert.include(tools.map(({ name }) => name), "run_scan")
          }
          const [id = ""] =
            /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/.exec(yield* call("run_scan", { path: "." })) ?? []
          ids.push(id)
          let progress = ""
          while (!/succeeded|failed|cancelled/.test(progress)) {
            progress = yield* call("get_scan_progress", { id, wait_seconds: 30 })
          }
          assert.match(progress, /succeeded/)
          const listed = yield* call("list_scans", {})
          for (const id of ids) assert.include(listed, id)
        }))
      }
    }))
})
