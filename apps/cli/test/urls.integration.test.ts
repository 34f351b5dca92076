import { assert, describe, it } from "@effect/vitest"
import { once } from "node:events"
import * as fs from "node:fs"
import * as http from "node:http"
import type { AddressInfo } from "node:net"
import * as path from "node:path"
import * as World from "./support/DaemonWorld.ts"

/** A server of Streamable HTTP that counts its sessions, and forgets them when it is told to. */
const webServer = async () => {
  const sessions = new Set<string>()
  let opened = 0
  const calls: Array<string> = []
  const server = http.createServer((request, response) => {
    let body = ""
    request.setEncoding("utf8").on("data", (text: string) => body += text)
    request.once("end", () => {
      if (request.method !== "POST") return response.writeHead(request.method === "DELETE" ? 204 : 405).end()
      const { id, method, params } = JSON.parse(body)
      const answer = (member: object, headers = {}) =>
        response.writeHead(200, { "content-type": "application/json", ...headers }).end(
          JSON.stringify({ jsonrpc: "2.0", id, ...member })
        )
      if (method === "server/discover") return answer({ error: { code: -32601, message: "no" } })
      if (method === "initialize") {
        const session = `s${++opened}`
        sessions.add(session)
        const result = {
          protocolVersion: "2025-11-25",
          capabilities: { tools: {} },
          serverInfo: { name: "web", version: "1" }
        }
        return answer({ result }, { "mcp-session-id": session })
      }
      const session = String(request.headers["mcp-session-id"])
      if (!sessions.has(session)) return response.writeHead(404).end()
      if (id === undefined) return response.writeHead(202).end()
      if (method === "tools/list") {
        return answer({ result: { tools: [{ name: "where", inputSchema: { type: "object", properties: {} } }] } })
      }
      calls.push(params.name)
      return answer({ result: { content: [{ type: "text", text: session }] } })
    })
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  // A server that listens on an address has one.
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/mcp`,
    opened: () => opened,
    calls,
    forget: () => sessions.clear(),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    }
  }
}

describe("a server behind a url", () => {
  it("has one session for all commands, which is healed; --no-daemon has one of its own", async () => {
    await using world = World.make()
    await using web = await webServer()
    const config = { mcpServers: { web: { url: web.url }, gone: { url: "http://127.0.0.1:9/mcp" } } }
    fs.writeFileSync(path.join(world.directory, ".mcp.json"), JSON.stringify(config))
    const call = async (...words: ReadonlyArray<string>) => {
      const { code, stderr, stdout } = await world.run("call", "web", "where", ...words)
      assert.deepStrictEqual([code, stderr], [0, ""])
      return stdout.trim()
    }
    assert.strictEqual(await call(), "s1")
    assert.include((await world.run("tools", "web")).stdout, "where")
    assert.strictEqual(await call(), "s1")
    assert.strictEqual(web.opened(), 1)
    web.forget()
    assert.strictEqual(await call(), "s2")
    // Without the daemon it is a session of the command.
    assert.strictEqual(await call("--no-daemon"), "s3")
    const [daemon = 0] = world.daemons()
    process.kill(daemon, "SIGKILL")
    await World.until(() => !World.isAlive(daemon))
    assert.strictEqual(await call(), "s4")
    assert.lengthOf(web.calls, 5)
    const { code, stderr } = await world.run("call", "gone", "where")
    assert.strictEqual(code, 4)
    assert.match(stderr, /gone: handshake failed: cannot reach http:\/\/127\.0\.0\.1:9\/mcp/)
  })
})
