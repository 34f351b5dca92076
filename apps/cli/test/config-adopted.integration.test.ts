/** A server of an adopted config, started as its host starts it. */
import { assert, describe, it } from "@effect/vitest"
import { spawn, spawnSync } from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { program } from "./support/program.ts"

/** Tells where it is and what it was given. */
const server = `require("readline").createInterface({ input: process.stdin }).on("line", (line) => {
  const { id, method } = JSON.parse(line)
  const send = (message) => console.log(JSON.stringify({ jsonrpc: "2.0", id, ...message }))
  if (id === undefined) return
  if (method === "initialize") return send({ result: { protocolVersion: "2025-06-18", capabilities: { tools: {} },
    serverInfo: { name: "s", version: "1" } } })
  if (method === "tools/call") return send({ result: { content: [{ type: "text",
    text: JSON.stringify([process.cwd(), process.env.KEY, process.argv.slice(1)]) }] } })
  send({ error: { code: -32601, message: "no" } })
})`

describe("a server of an adopted config", () => {
  it("has the environment, the working directory and the arguments that its host gives it", async () => {
    const home = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), "hfa-")))
    try {
      const holdfast = path.join(home, "holdfast")
      fs.writeFileSync(holdfast, `#!/bin/sh\nexec ${program.map((word) => `"${word}"`).join(" ")} "$@"\n`, {
        mode: 0o755
      })
      const config = path.join(home, ".codeium/windsurf/mcp_config.json")
      fs.mkdirSync(path.dirname(config), { recursive: true })
      const entry = {
        command: process.execPath,
        args: ["-e", server, "--", "a b", "--x"],
        env: { KEY: "value" },
        cwd: home
      }
      fs.writeFileSync(config, JSON.stringify({ mcpServers: { s: entry } }))
      const environment = {
        ...process.env,
        HOME: home,
        XDG_CONFIG_HOME: "",
        XDG_STATE_HOME: "",
        HOLDFAST_NO_DAEMON: "1"
      }
      const adopted = spawnSync(holdfast, ["adopt", "windsurf", "--write", "--program", holdfast], {
        cwd: home,
        env: environment,
        encoding: "utf8"
      })
      assert.strictEqual(adopted.status, 0, adopted.stderr)
      const { args, command, cwd, env } = JSON.parse(fs.readFileSync(config, "utf8")).mcpServers.s
      assert.deepStrictEqual([command, args.slice(0, 3), cwd, env], [
        holdfast,
        ["wrap", "--", process.execPath],
        home,
        entry.env
      ])
      const child = spawn(command, args, { cwd, env: { ...environment, ...env }, stdio: ["pipe", "pipe", "inherit"] })
      const answer = await new Promise<string>((resolve, reject) => {
        let text = ""
        child.once("error", reject)
        child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
          text += chunk
          const found = text.split("\n").slice(0, -1).map((line) => JSON.parse(line)).find(({ id }) => id === 2)
          if (found === undefined) return
          child.once("close", () => resolve(found.result.content[0].text))
          child.stdin.end()
        })
        const clientInfo = { name: "host", version: "1" }
        const lines = [
          { id: 1, method: "initialize", params: { protocolVersion: "2025-06-18", capabilities: {}, clientInfo } },
          { method: "notifications/initialized" },
          { id: 2, method: "tools/call", params: { name: "where", arguments: {} } }
        ]
        child.stdin.write(lines.map((line) => `${JSON.stringify({ jsonrpc: "2.0", ...line })}\n`).join(""))
      })
      assert.deepStrictEqual(JSON.parse(answer), [home, "value", ["a b", "--x"]])
    } finally {
      fs.rmSync(home, { recursive: true, force: true })
    }
  })
})
