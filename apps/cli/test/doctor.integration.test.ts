import { assert, describe, it } from "@effect/vitest"
import { spawn } from "node:child_process"
import { randomBytes } from "node:crypto"
import { once } from "node:events"
import * as fs from "node:fs"
import * as path from "node:path"
import { stripVTControlCharacters } from "node:util"
import type { Output } from "../src/outputs/doctor.ts"
import { spy } from "./support/Cli.ts"
import * as DaemonWorld from "./support/DaemonWorld.ts"
import * as Terminal from "./support/Terminal.ts"

type Findings = (typeof Output.Type)["findings"]

describe("holdfast doctor", () => {
  it("fits a terminal, with colours that NO_COLOR takes away, and is whole in a pipe", async () => {
    await using world = DaemonWorld.make()
    world.addServer("bad", { ...spy("crash"), holdfast: { maxConnectRetries: 0 } })
    const shown = async (more: Readonly<Record<string, string>>) => {
      const { ended } = Terminal.start(world.directory, ["doctor"], { ...world.environment, ...more })
      const { code, shown } = await ended
      assert.strictEqual(code, 1)
      return shown
    }
    const coloured = await shown({ NO_COLOR: "", TERM: "xterm-256color" })
    assert.include(coloured, "\u001b[31mfault\u001b[39m  bad")
    const plain = await shown({})
    for (const colour of ["\u001b[31m", "\u001b[1m", "\u001b[2m"]) assert.notInclude(plain, colour)
    for (const line of [...stripVTControlCharacters(coloured).split(/\r?\n/), ...plain.split(/\r?\n/)]) {
      // A path is never cut: people copy it.
      if (!line.includes("/") && !line.includes("\r")) assert.isAtMost(line.length, 80, line)
    }
    assert.match(plain, /→ Read its stderr/)
    const piped = await world.runCheaply("doctor")
    assert.match(piped.stdout, /^ {2}fault {2}bad {2,}\S.*exited with code 3.*Run it by hand to see why\.$/m)
    assert.match(piped.stdout, /\n1 fault: see above what to do\.\n$/)
  })

  it.runIf(process.platform === "linux")(
    "finds what is left of a program that was killed with its reaper, and ends nothing",
    async () => {
      await using world = DaemonWorld.make()
      fs.writeFileSync(path.join(world.directory, ".mcp.json"), JSON.stringify({ mcpServers: {} }))
      const ledgers = path.join(world.directory, `holdfast-${process.getuid?.()}`)
      fs.mkdirSync(ledgers, { mode: 0o700 })
      const runtime = randomBytes(16).toString("hex")
      const left = spawn("sleep", ["1000"], {
        stdio: "ignore",
        env: { ...process.env, HOLDFAST_TAG: `${runtime}.1.kill` }
      })
      const gone = spawn("true", { stdio: "ignore" })
      try {
        await Promise.all([once(left, "spawn"), once(gone, "exit")])
        const pid = left.pid ?? 0
        const boot = fs.readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim()
        const namespace = /\d+/.exec(fs.readlinkSync("/proc/self/ns/pid"))?.[0]
        fs.writeFileSync(
          path.join(ledgers, runtime),
          `holdfast 1 ${gone.pid} 1 ${boot} ${namespace}\nadd 1 ${pid} 1 kill\n`
        )
        const { code, stdout } = await world.runWith({ TMPDIR: world.directory }, "doctor", "--json")
        const { findings }: { readonly findings: Findings } = JSON.parse(stdout)
        assert.strictEqual(code, 1)
        assert.deepStrictEqual(findings.filter(({ about }) => about === "process"), [{
          about: "process",
          subject: String(pid),
          level: "fault",
          message: `left of process ${gone.pid}, which is gone: sleep 1000`,
          todo: `kill ${pid}, or start any server: what is left is ended before it`
        }])
        assert.isTrue(DaemonWorld.isAlive(pid))
      } finally {
        const ended = once(left, "exit")
        left.kill("SIGKILL")
        await ended
      }
    }
  )
})

describe("--quiet", () => {
  it("leaves out every word on stderr but failures", async () => {
    await using world = DaemonWorld.make()
    const said = await world.runCheaply("daemon", "stop")
    assert.strictEqual(said.stderr, "no daemon is running\n")
    for (const flag of ["--quiet", "-q"]) {
      assert.deepStrictEqual(await world.runCheaply("daemon", "stop", flag), { code: 0, stdout: "", stderr: "" })
    }
    const failed = await world.runCheaply("why", "spy", "--quiet")
    assert.strictEqual(failed.code, 4)
    assert.match(failed.stderr, /^holdfast: no daemon is running\n {2}The [^\n]+\n$/)
  })
})
