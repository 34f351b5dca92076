import { assert, describe, it } from "@effect/vitest"
import type { ChildProcess } from "node:child_process"
import { once } from "node:events"
import * as fs from "node:fs"
import * as path from "node:path"
import { start } from "./support/Cli.ts"
import * as DaemonWorld from "./support/DaemonWorld.ts"

const initialize = JSON.stringify({
  jsonrpc: "2.0",
  id: 0,
  method: "initialize",
  params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "host", version: "1" } }
})

describe("holdfast share and why", () => {
  it("say what keeps processes apart and what sharing would save; it is remembered, and can be undone", async () => {
    await using world = DaemonWorld.make()
    const hosts: Array<ChildProcess> = []
    const host = async (extra: Readonly<Record<string, string>> = {}): Promise<void> => {
      const child = start(world.directory, ["connect", "--eager", "spy"], { ...world.environment, ...extra })
      hosts.push(child)
      child.stdin?.write(`${initialize}\n`)
      await once(child.stdout ?? child, "data")
    }
    for (let i = 0; i < 2; i++) await host()
    await host({ LANG: "tlh" })
    const [first, second, third] = world.servers()
    assert.lengthOf(world.servers(), 3)
    const status = await world.run("daemon", "status")
    assert.include(
      status.stdout,
      `2 processes of spy differ in nothing but their hosts: holdfast share ${first} would save 1\n`
    )
    const why = await world.run("why", "spy")
    assert.strictEqual(why.stderr, "")
    assert.match(why.stdout, /^spy: 3 processes of 2 kinds$/m)
    assert.match(
      why.stdout,
      new RegExp(
        `^1 +${first}, ${second} +host, host +a legacy server is its host's alone.*holdfast share ${first} lets`,
        "m"
      )
    )
    assert.match(why.stdout, new RegExp(`^2 +${third} +host +environment: LANG$`, "m"))
    assert.notInclude(why.stdout, "tlh")
    const list = path.join(world.directory, "holdfast", "shared.json")
    const shared = await world.run("share", String(first))
    assert.deepStrictEqual(shared, {
      code: 0,
      stdout: "",
      stderr: `${first} is shared from the next host on; remembered in ${list}\n`
    })
    // Hosts that come now have one process, and so have those that the config names.
    for (let i = 0; i < 2; i++) await host()
    assert.lengthOf(world.servers(), 4)
    const undone = await world.run("share", "--undo", "spy")
    assert.strictEqual(undone.stderr, `spy is shared no more, from the next host on; forgotten in ${list}\n`)
    assert.deepStrictEqual(JSON.parse(fs.readFileSync(list, "utf8")), { shared: [] })
    await host()
    assert.lengthOf(world.servers(), 5)
    const unknown = [await world.run("share", "none"), await world.run("why", "none")]
    assert.deepStrictEqual(unknown.map(({ code }) => code), [2, 2])
    assert.match(
      unknown.map(({ stderr }) => stderr).join(),
      /neither the config nor the daemon has a server none.*no process of none/s
    )
    const { findings } = JSON.parse((await world.run("doctor", "--json")).stdout)
    const { level, todo } = findings.find(({ about }: { readonly about: string }) => about === "sharing")
    assert.strictEqual(level, "note")
    assert.match(todo, /holdfast share \d+ lets them share one$/)
    for (const child of hosts) child.stdin?.end()
    await Promise.all(hosts.map((child) => child.exitCode === null ? once(child, "exit") : undefined))
  })
})
