import { assert, describe, it } from "@effect/vitest"
import * as fs from "node:fs"
import * as path from "node:path"
import * as Home from "./support/Home.ts"
import * as Host from "./support/Host.ts"

const program = path.resolve(import.meta.dirname, "support/recordingServer.ts")

/** A server that says `instances`, and writes down into `record-<instance>`. */
const world = (max: number, holdfast: object = {}, extra: Readonly<Record<string, string>> = {}) => {
  const home = Home.make(extra)
  const config = path.join(home.directory, "mcp.json")
  const entry = {
    command: process.execPath,
    args: [program, path.join(home.directory, "record-${instance}"), "legacy"],
    env: { PROFILE: "p-${instance}" },
    holdfast: { instances: { max }, ...holdfast }
  }
  fs.writeFileSync(config, JSON.stringify({ mcpServers: { browser: entry } }))
  /** The processes of a number, in the order of their starts. */
  const starts = (number: number): ReadonlyArray<number> => {
    const file = path.join(home.directory, `record-${number}`)
    return fs.existsSync(file)
      ? [...fs.readFileSync(file, "utf8").matchAll(/^start (\d+)$/gm)].map(([, pid]) => Number(pid))
      : []
  }
  return {
    home,
    starts,
    connect: (directory: string, environment = home.environment) =>
      Host.connect(home, { wants: { server: "browser", config }, directory, environment }),
    [Symbol.asyncDispose]: () => home[Symbol.asyncDispose]()
  }
}

describe("a server with instances", () => {
  it("gives each host a process of its own by its number, and the same host its own back, with its state", async () => {
    await using w = world(2)
    const [a, b] = [await w.connect("/a"), await w.connect("/b")]
    for (const host of [a, b]) await host.greet()
    assert.deepStrictEqual([await a.call("count"), await b.call("count"), await a.call("count")], ["1", "1", "2"])
    assert.deepStrictEqual([w.starts(1).length, w.starts(2).length], [1, 1])
    // A third host waits until one leaves. It has the number, and nothing of the process that had it before.
    const c = await w.connect("/c")
    const greeting = c.greet()
    a.leave()
    assert.match(await greeting, /"result"/)
    assert.strictEqual(await c.call("count"), "1")
    const [before = 0, after = 0] = w.starts(1)
    assert.deepStrictEqual([Home.isAlive(before), Home.isAlive(after)], [false, true])
    c.leave()
    const again = await w.connect("/c")
    await again.greet()
    assert.strictEqual(await again.call("count"), "2")
    again.leave()
    // With other capabilities it needs another process, and two of one number are never there at once.
    const other = await w.connect("/c")
    await other.greet({ roots: {} })
    assert.strictEqual(await other.call("count"), "1")
    assert.isFalse(Home.isAlive(after))
    assert.deepStrictEqual([w.starts(1).filter(Home.isAlive).length, w.starts(2).length], [1, 1])
    for (const host of [b, other]) host.leave()
  })

  it("queues where there is one only, and says of whom it is where that takes too long; a newer daemon waits for it, too", async () => {
    // Enough for a server to start on a busy machine; it is waited for twice.
    await using w = world(1, { connectTimeout: "4 seconds", acquireTimeout: "5 seconds" }, {
      HOLDFAST_DAEMON_VERSION: "1.0.0"
    })
    const host = await w.connect("/a")
    await host.greet()
    assert.strictEqual(await host.call("count"), "1")
    const late = await w.connect("/b")
    const { error, id } = JSON.parse(await late.greet())
    assert.deepStrictEqual([id, error.data], [0, { reason: "TooBusy", delivery: "NotSent" }])
    assert.match(error.message, /browser: all of its instances \(1\) are in use, by test in \/a/)
    const newer = { ...w.home.environment, HOLDFAST_DAEMON_VERSION: "1.1.0" }
    const next = await w.connect("/a", newer)
    assert.strictEqual(w.home.starts(), 2)
    assert.match(JSON.parse(await next.greet()).error.message, /by a host of an older daemon/)
    assert.strictEqual(await host.call("count"), "2")
    host.leave()
    const greeted = await Home.until(async () => {
      const line = await next.greet()
      return line.includes("\"result\"")
    })
    assert.isTrue(greeted)
    assert.strictEqual(await next.call("count"), "1")
    assert.strictEqual(w.starts(1).filter(Home.isAlive).length, 1)
    for (const each of [late, next]) each.leave()
  })
})
