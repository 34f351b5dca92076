/**
 * What operators of such tools have reported in public, rebuilt at length. Each test names its report.
 */
import { assert, describe, it } from "@effect/vitest"
import { spawn } from "node:child_process"
import { once } from "node:events"
import * as fs from "node:fs"
import * as http from "node:http"
import type { AddressInfo } from "node:net"
import * as path from "node:path"
import type { Output as DoctorOutput } from "../src/outputs/doctor.ts"
import { spy } from "./support/Cli.ts"
import * as DaemonWorld from "./support/DaemonWorld.ts"

type Findings = (typeof DoctorOutput.Type)["findings"]

const doctor = async (world: DaemonWorld.DaemonWorld, ...flags: ReadonlyArray<string>) => {
  const { code, stdout } = await world.runCheaply("doctor", "--json", ...flags)
  const { findings, isWell }: typeof DoctorOutput.Type = JSON.parse(stdout)
  assert.strictEqual(isWell, code === 0)
  return { code, findings }
}

const of = (findings: Findings, about: string, subject: string) =>
  findings.find((each) => each.about === about && each.subject === subject)

const noRetries = { holdfast: { maxConnectRetries: 0 } }

describe("public reports", () => {
  // https://github.com/Gitlawb/zero/issues/822, https://github.com/NousResearch/hermes-agent/pull/114235,
  // https://github.com/synaptixs/spine/pull/83
  it("a check fails automation when a server did not start, and failures of different kinds are told apart, each with what to do", async () => {
    await using world = DaemonWorld.make()
    const web = http.createServer((_, response) => void response.writeHead(401).end("no token")).listen(0, "127.0.0.1")
    await once(web, "listening")
    // A server has an address of this kind once it listens on a port.
    const { port } = web.address() as AddressInfo
    try {
      world.addServer("typo", { command: "dokcer", args: ["run", "x"], ...noRetries })
      world.addServer("exits", { ...spy("crash"), ...noRetries })
      world.addServer("away", { url: "http://127.0.0.1:1/mcp", ...noRetries })
      world.addServer("denied", { url: `http://127.0.0.1:${port}/mcp`, ...noRetries })
      world.addServer("unset", { command: "x", env: { TOKEN: "${NO_SUCH_TOKEN_HERE}" } })
      const { code, findings } = await doctor(world)
      assert.strictEqual(code, 1)
      assert.include(of(findings, "server", "spy"), { level: "ok" })
      const kinds: Readonly<Record<string, RegExp>> = {
        typo: /no such command/,
        exits: /exited with code 3/,
        away: /cannot reach/,
        denied: /401/
      }
      for (const [server, words] of Object.entries(kinds)) {
        const finding = of(findings, "server", server)
        assert.strictEqual(finding?.level, "fault", server)
        assert.match(finding?.message ?? "", words)
        assert.isNotEmpty(finding?.todo, server)
      }
      assert.strictEqual(of(findings, "toolchain", "dokcer")?.todo, "Did you mean docker? Correct it in the config")
      const config = findings.find(({ about, message }) =>
        about === "config" && message.startsWith("unset cannot be used")
      )
      assert.include(config?.message, "NO_SUCH_TOKEN_HERE")
    } finally {
      web.close()
    }
  })

  // https://github.com/anthropics/claude-code/issues/64768
  it("a config that cannot be read is found, with the place of the fault", async () => {
    await using world = DaemonWorld.make()
    fs.writeFileSync(
      path.join(world.directory, ".mcp.json"),
      "{\n  \"mcpServers\": {\n    \"fs\": { \"command\": \"x\" \"args\": [] }\n  }\n}\n"
    )
    const { code, findings } = await doctor(world)
    assert.strictEqual(code, 1)
    const finding = of(findings, "config", ".mcp.json")
    assert.match(finding?.message ?? "", /^\.mcp\.json:3:\d+/)
    assert.isNotEmpty(finding?.todo)
    const servers = await world.runCheaply("servers", "--json")
    assert.strictEqual(servers.code, 3)
    assert.strictEqual(JSON.parse(servers.stdout).files[0].outcome, "faulty")
  })

  // https://github.com/anthropics/claude-code/issues/11778
  it("a list of servers starts none, and a check without the daemon leaves none", async () => {
    await using world = DaemonWorld.make()
    const listed = await world.runCheaply("servers", "--json")
    assert.deepStrictEqual(JSON.parse(listed.stdout).servers.map(({ state }: { readonly state: string }) => state), [
      "not started"
    ])
    assert.deepStrictEqual([world.servers(), world.daemons()], [[], []])
    assert.strictEqual((await doctor(world, "--no-daemon")).code, 0)
    assert.lengthOf(world.servers(), 1)
    assert.deepStrictEqual(world.servers().filter(DaemonWorld.isAlive), [])
  })

  // https://github.com/DeusData/codebase-memory-mcp/issues/1828
  it("a daemon that cannot run is told of at once: where, why and what to do", async () => {
    await using world = DaemonWorld.make()
    fs.mkdirSync(path.join(world.directory, "holdfast"))
    fs.chmodSync(path.join(world.directory, "holdfast"), 0o755)
    const { code, findings } = await doctor(world)
    assert.strictEqual(code, 1)
    const finding = of(findings, "daemon", "daemon")
    assert.include(finding?.message, `${path.join(world.directory, "holdfast")} may be entered by other users`)
    assert.isNotEmpty(finding?.todo)
  })

  // https://github.com/huanyingtianhe/agents-chat/pull/17, https://github.com/modelcontextprotocol/servers/issues/436
  it("a supervisor that starts the daemon with an empty PATH keeps no server from being found", async () => {
    await using world = DaemonWorld.make()
    const bin = path.join(world.directory, "bin")
    fs.mkdirSync(bin)
    fs.writeFileSync(
      path.join(bin, "my-server"),
      `#!/bin/sh\nexec ${process.execPath} ${spy("polite").args.join(" ")}\n`
    )
    fs.chmodSync(path.join(bin, "my-server"), 0o755)
    world.addServer("mine", { command: "my-server" })
    const { text }: { readonly text: string } = JSON.parse(
      (await world.run("daemon", "unit", "--systemd", "--json")).stdout
    )
    const command = /^ExecStart=(.*)$/m.exec(text)?.[1] ?? ""
    const daemon = spawn("/bin/sh", ["-c", `exec ${command}`], {
      cwd: "/",
      env: { XDG_STATE_HOME: world.directory, HOME: world.directory },
      stdio: ["ignore", "ignore", "pipe"]
    })
    let log = ""
    daemon.stderr.setEncoding("utf8").on("data", (more: string) => log += more)
    try {
      await DaemonWorld.until(() => /listens on/.test(log))
      const PATH = `${bin}:${process.env["PATH"]}`
      const called = await world.runWith({ PATH }, "call", "mine", "echo", "text=found")
      assert.deepStrictEqual([called.code, called.stdout], [0, "found\n"], called.stderr)
    } finally {
      const ended = once(daemon, "exit")
      daemon.kill("SIGTERM")
      await ended
    }
  })
})
