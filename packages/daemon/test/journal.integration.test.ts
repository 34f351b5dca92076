import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import * as fs from "node:fs"
import * as path from "node:path"
import * as Contract from "../src/ControlContract.ts"
import * as DaemonClient from "../src/DaemonClient.ts"
import * as DaemonControl from "../src/DaemonControl.ts"
import * as Home from "./support/Home.ts"
import * as Host from "./support/Host.ts"
import * as World from "./support/World.ts"

const decodeEvent = Schema.decodeUnknownSync(Contract.Event)

/** The events of a daemon so far, and those that come, until one is the last. */
const eventsUntil = async (
  home: Home.Home,
  isLast: (event: Contract.Event) => boolean
): Promise<ReadonlyArray<Contract.Event>> => {
  const events: Array<Contract.Event> = []
  for await (const { seq, text } of DaemonControl.follow({ what: "events", after: 0 }, { place: home.place() })) {
    const event = decodeEvent(JSON.parse(text))
    assert.strictEqual(event.seq, seq)
    events.push(event)
    if (isLast(event)) break
  }
  return events
}

const resource = async (home: Home.Home, uri: string): Promise<unknown> => {
  const { socket } = await DaemonClient.connect({
    program: "test",
    place: home.place(),
    environment: home.environment,
    wants: { daemon: true }
  })
  socket.resume()
  const host = Host.over(socket, socket, () => socket.end())
  await host.greet()
  const answer = JSON.parse(
    await host.ask(JSON.stringify({ jsonrpc: "2.0", id: 1, method: "resources/read", params: { uri } }))
  )
  host.leave()
  return JSON.parse(answer.result.contents[0].text)
}

describe("what the daemon remembers", () => {
  it("tells what happens as events, one object each, to those who follow: from a number on, and as it comes", async () => {
    await using w = World.make("legacy")
    const host = await w.connect()
    await host.greet()
    await host.call("count")
    await host.call("none")
    await host.call("die")
    await host.call("count")
    host.leave()
    const [first = 0, second = 0] = w.starts()
    const events = await eventsUntil(w.home, (event) => event.event === "returned" && event.pid === second)
    const by = { program: "test", pid: process.pid, directory: process.cwd() }
    const server = "rec"
    const expected = [
      { event: "started", server, pid: first },
      { event: "ready", server, pid: first, era: "legacy" },
      { event: "leased", server, pid: first, by },
      { event: "called", server, tool: "count", delivery: "answered", by },
      { event: "called", server, tool: "none", delivery: "answered", code: -32602 },
      { event: "lost", server, pid: first, exitCode: 9 },
      { event: "returned", server, pid: first, by },
      { event: "called", server, tool: "die", delivery: "Unknown" },
      { event: "restarted", server, pid: second },
      { event: "ready", server, pid: second },
      { event: "leased", server, pid: second, by },
      { event: "called", server, tool: "count", delivery: "answered" },
      { event: "returned", server, pid: second, by }
    ]
    assert.lengthOf(events, expected.length)
    for (const [index, event] of events.entries()) assert.containSubset(event, { seq: index + 1, ...expected[index] })
    // It goes on with what comes after what is known.
    const last = expected.length
    const next = DaemonControl.follow({ what: "events", after: last }, { place: w.home.place() })
    const other = await w.connect()
    await other.greet()
    const { value } = await next.next()
    assert.deepInclude(JSON.parse(value?.text ?? ""), { event: "leased", pid: second, seq: last + 1 })
    await next.return()
    other.leave()
    const kept = Schema.decodeUnknownSync(Contract.Events)(await resource(w.home, Contract.uris.events))
    assert.deepStrictEqual(kept.events.slice(0, last), events)
  })

  it("remembers the tries of a server: the step that failed, how its process ended, its words, what to do", async () => {
    await using home = Home.make()
    const script = "echo no database >&2; exit 4"
    const wants = { endpoint: { command: "/bin/sh", args: ["-c", script] }, name: "bad" }
    const missing = { endpoint: { command: "no-such-command", args: [] }, name: "gone" }
    for (const each of [wants, missing]) {
      const host = await Host.connect(home, { wants: each })
      assert.match(await host.greet(), /"error"/)
      host.leave()
    }
    const history = Schema.decodeUnknownSync(Contract.History)(await resource(home, Contract.uris.historyOf("bad")))
    assert.deepStrictEqual(history, await DaemonControl.history("bad", home.place()))
    const [attempt] = history.tries
    assert.containSubset(attempt, {
      era: "legacy",
      outcome: "failed",
      failedStep: "handshake",
      reason: "ServerExited",
      exitCode: 4,
      page: "docs/errors/ServerExited.md"
    })
    assert.deepStrictEqual(attempt?.steps.map(({ step, what }) => [step, what]), [
      ["spawn", undefined],
      ["handshake", "initialize"]
    ])
    assert.match(attempt?.stderr ?? "", /no database/)
    assert.match(attempt?.advice ?? "", /stderr/)
    const { tries: [spawn] } = await DaemonControl.history("gone", home.place())
    assert.containSubset(spawn, { failedStep: "spawn", reason: "CommandNotFound" })
    const events = await eventsUntil(home, (event) => event.event === "failed" && event.server === "gone")
    assert.containSubset(events.find(({ event }) => event === "failed"), {
      server: "bad",
      step: "handshake",
      exitCode: 4
    })
    // One that has failed is not told of as one that was not needed any more.
    assert.notInclude(events.map(({ event }) => event), "ended")
  })

  it("remembers what has become of lists and calls, and of a server that was ready", async () => {
    await using w = World.make("legacy")
    const host = await w.connect()
    await host.greet()
    await host.call("none")
    await host.call("die")
    host.leave()
    const { tries } = await DaemonControl.history("rec", w.home.place())
    assert.deepStrictEqual(tries.map(({ failedStep, outcome, reason }) => [outcome, failedStep, reason]).toSorted(), [
      ["failed", "call", "OutcomeUnknown"],
      ["failed", "call", "ServerError"],
      ["lost", "life", "ConnectionLost"],
      ["ready", undefined, undefined]
    ])
    assert.containSubset(tries.find(({ reason }) => reason === "ServerError"), { code: -32602 })
    assert.containSubset(tries.find(({ outcome }) => outcome === "lost"), { exitCode: 9 })
  })

  it("keeps what servers write to stderr over their restarts, and tells it as it comes", async () => {
    await using home = Home.make()
    const file = path.join(home.directory, "server.mjs")
    fs.writeFileSync(
      file,
      `import { createInterface } from "node:readline"
       console.error("up")
       createInterface({ input: process.stdin }).on("line", (line) => {
         const { id, method } = JSON.parse(line)
         if (method === "tools/call") process.exit(3)
         const result = { protocolVersion: "2025-11-25", capabilities: {}, serverInfo: { name: "s", version: "1" } }
         if (id !== undefined) console.log(JSON.stringify({ jsonrpc: "2.0", id, result }))
       })`
    )
    const wants = { endpoint: { command: process.execPath, args: [file] }, name: "wordy" }
    const host = await Host.connect(home, { wants })
    await host.greet()
    const lines = DaemonControl.follow({ what: "log", server: "wordy", after: 0 }, { place: home.place() })
    const next = async (): Promise<Contract.LogLine> => {
      const { value } = await lines.next()
      return Schema.decodeUnknownSync(Contract.LogLine)(JSON.parse(value?.text ?? ""))
    }
    const first = await next()
    await host.call("end")
    await host.ask(`{"jsonrpc":"2.0","id":"p","method":"ping"}`)
    const second = await next()
    await lines.return()
    assert.deepStrictEqual([first.line, second.line], ["up", "up"])
    assert.notStrictEqual(first.pid, second.pid)
    const log = Schema.decodeUnknownSync(Contract.ServerLog)(await resource(home, Contract.uris.logOf("wordy")))
    assert.deepStrictEqual(log, { server: "wordy", lines: [first, second] })
    host.leave()
  })

  it("has a row for each server: where it comes from, its catalogue, tools, processes and what they cost", async () => {
    await using w = World.make("legacy")
    const place = w.home.place()
    const config = path.join(w.home.directory, "mcp.json")
    const { args, command, cwd } = w.wants.endpoint
    fs.writeFileSync(config, JSON.stringify({ mcpServers: { rec: { command, args, cwd } } }))
    const wants = { server: "rec", config }
    const row = async () => {
      const { overview = [], ...status } = Schema.decodeSync(Contract.DaemonStatus)(await DaemonControl.status(place))
      assert.isAbove(status.memory?.pss ?? 0, 1_000_000)
      assert.isAtLeast(status.uptimeMillis ?? -1, 0)
      assert.strictEqual(status.limits?.processes, 256)
      return overview.find(({ name }) => name === "rec")
    }
    const [host, other] = [await w.connect({ wants }), await w.connect({ wants })]
    await Home.until(async () => (await row())?.catalogue === "configured")
    for (const each of [host, other]) await each.greet()
    await host.ask(`{"jsonrpc":"2.0","id":"l","method":"tools/list"}`)
    host.say(`{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"never","arguments":{}}}`)
    await Home.until(() => w.record().includes("call never"))
    const used = await row()
    assert.deepInclude(used, { catalogue: "used", tools: 1, eras: ["legacy"], inFlight: 1, waiting: 0 })
    assert.deepStrictEqual(used?.origin, { from: "config", file: config })
    const sizes = (used?.processes ?? []).map(({ memory }) => memory?.pss ?? 0)
    assert.lengthOf(sizes, 2)
    assert.isAbove(Math.min(...sizes), 1_000_000)
    assert.strictEqual(used?.sharingWouldSave, Math.min(...sizes))
    assert.strictEqual(used?.memory?.pss, sizes.reduce((sum, size) => sum + size, 0))
    for (const each of [host, other]) each.leave()
    await Home.until(async () => (await row())?.catalogue === "started")
  })

  it("knows a server from its catalogue only, if a shim has kept that", async () => {
    await using w = World.make("legacy")
    const shim = w.wrap()
    await shim.greet()
    await shim.ask(`{"jsonrpc":"2.0","id":"l","method":"tools/list"}`)
    shim.leave()
    await Home.until(() => shim.process.exitCode !== null)
    await DaemonControl.stop(w.home.place())
    const quiet = Home.client(w.home, "end")
    await Home.finish(quiet)
    const { overview } = await DaemonControl.status(w.home.place())
    assert.deepStrictEqual(overview, [
      {
        name: "rec",
        catalogue: "known",
        eras: [],
        tools: 1,
        processes: [],
        inFlight: 0,
        waiting: 0,
        sharingWouldSave: 0
      }
    ])
  })
})
