/** Both words as processes: what a host and a user see of them. */
import { assert, describe, it } from "@effect/vitest"
import * as fs from "node:fs"
import * as path from "node:path"
import { makeDirectory, run, spy } from "./support/Cli.ts"

describe("record and replay", () => {
  it("are the server to a host: its answers are recorded, and answered again without it", async () => {
    using folder = makeDirectory({ mcpServers: { spy: spy("works") } })
    const lines = [
      {
        id: 1,
        method: "initialize",
        params: { protocolVersion: "2025-06-18", capabilities: {}, clientInfo: { name: "h", version: "1" } }
      },
      { method: "notifications/initialized" },
      { id: 2, method: "tools/call", params: { name: "echo", arguments: { text: "once" } } }
    ].map((each) => `${JSON.stringify({ jsonrpc: "2.0", ...each })}\n`).join("")
    const { args, command } = spy("works")
    const recorded = await run(folder.path, ["record", "-o", "host.ndjson", "--", command, ...args], lines)
    assert.strictEqual(recorded.code, 0, recorded.stderr)
    assert.include(recorded.stdout, "once")
    fs.rmSync(path.join(folder.path, ".mcp.json"))
    const replayed = await run(folder.path, ["replay", "host.ndjson"], lines)
    assert.deepStrictEqual(replayed, { code: 0, stdout: recorded.stdout, stderr: "" })
  })

  it("write what a slow server answers a pipe that was closed behind the question", async () => {
    using folder = makeDirectory({})
    const answer = "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}"
    // Longer than a server is given to end.
    const server = ["sh", "-c", `read -r line; sleep 3; echo '${answer}'; exec cat >/dev/null`]
    const asked = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\"}\n"
    const { code, stdout, stderr } = await run(folder.path, ["record", "-o", "slow.ndjson", "--", ...server], asked)
    assert.strictEqual(code, 0, stderr)
    assert.deepStrictEqual(JSON.parse(stdout), JSON.parse(answer))
  })
})
