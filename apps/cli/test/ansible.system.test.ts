/**
 * Seed 3 as its reporter has it: a playbook of ten tasks, each a program of its own that wants the same server. By `holdfast call`, and by a
 * module that starts its server itself and is only given another command.
 */
import { assert, describe, it } from "@effect/vitest"
import { spawn } from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"
import { finish, spy } from "./support/Cli.ts"
import * as DaemonWorld from "./support/DaemonWorld.ts"
import { main } from "./support/program.ts"

const { isAlive, until } = DaemonWorld

const world = () => {
  const made = DaemonWorld.make({ HOLDFAST_DAEMON_IDLE: "20 seconds" })
  const server = { ...spy("recorded"), env: { SPY_LOG: path.join(made.directory, "record") } }
  fs.writeFileSync(path.join(made.directory, ".mcp.json"), JSON.stringify({ mcpServers: { audit: server } }))
  const bin = path.join(made.directory, "bin")
  fs.mkdirSync(bin)
  fs.writeFileSync(path.join(bin, "holdfast"), `#!/bin/sh\nexec ${process.execPath} ${main} "$@"\n`, {
    mode: 0o755
  })
  /** Runs so many tasks and says how long they took, and how many server processes there were for them. */
  const play = async (name: string, count: number, task: (index: number) => object) => {
    const before = made.servers().length
    const tasks = Array.from({ length: count }, (_, index) => ({ register: `r${index}`, ...task(index) }))
    const texts = tasks.map((_, index) => `{{ r${index}.stdout | default(r${index}.text) }}`).join(",")
    const book = path.join(made.directory, `${name.replaceAll(/\W/g, "-")}.yml`)
    // JSON is YAML.
    fs.writeFileSync(
      book,
      JSON.stringify([{
        hosts: "localhost",
        connection: "local",
        gather_facts: false,
        tasks: [...tasks, { debug: { msg: `said ${texts}.` } }]
      }])
    )
    const begun = performance.now()
    const ran = await finish(spawn("ansible-playbook", ["-i", "localhost,", book], {
      cwd: made.directory,
      env: {
        ...process.env,
        ...made.environment,
        HOME: made.directory,
        PATH: `${bin}:${process.env["PATH"]}`,
        ANSIBLE_LIBRARY: path.resolve(import.meta.dirname, "support/ansible/library"),
        ANSIBLE_NOCOLOR: "1"
      }
    }))
    assert.strictEqual(ran.code, 0, ran.stdout + ran.stderr)
    assert.include(ran.stdout, `said ${Array.from({ length: count }, (_, index) => `n${index}`).join(",")}.`)
    const servers = made.servers().length - before
    const millis = (performance.now() - begun) / count
    console.log(
      `${name.padEnd(34)} ${String(count).padStart(2)} tasks  ${servers} processes  ${millis.toFixed(0)} ms a task`
    )
    return servers
  }
  return { ...made, play, [Symbol.asyncDispose]: () => made[Symbol.asyncDispose]() }
}

describe("a playbook of Ansible", () => {
  it("has one server process behind ten tasks, and none after the idle time; without reuse it has one for each", async () => {
    await using seed = world()
    const command = (flags: ReadonlyArray<string>) => (index: number) => ({
      command: { argv: ["holdfast", "call", ...flags, "audit.echo", `text=n${index}`], chdir: seed.directory }
    })
    const module = (server_command: string, server_args: ReadonlyArray<string>) => (index: number) => ({
      mcp_test_tool: { server_command, server_args, tool_name: "echo", tool_arguments: { text: `n${index}` } }
    })
    const { args = [], command: node } = spy("recorded")
    const direct = module("env", [`SPY_LOG=${path.join(seed.directory, "record")}`, node, ...args])
    assert.strictEqual(await seed.play("holdfast call --no-daemon", 3, command(["--no-daemon"])), 3)
    assert.strictEqual(await seed.play("the module, its server started by it", 3, direct), 3)
    const connect = module("holdfast", ["connect", "-c", path.join(seed.directory, ".mcp.json"), "--shared", "audit"])
    const before = seed.servers().length
    assert.strictEqual(await seed.play("holdfast call", 10, command([])), 1)
    // The same process: what is asked once and what is shared is one.
    assert.strictEqual(await seed.play("the module, with holdfast connect", 10, connect), 0)
    assert.lengthOf(seed.servers().slice(before), 1)
    await until(() => ![...seed.daemons(), ...seed.servers()].some(isAlive))
  })
})
