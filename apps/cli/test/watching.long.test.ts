/** Words that go on: on a terminal, in a pipe, for a program, and behind a reader that leaves. */
import { assert, describe, it } from "@effect/vitest"
import type { ChildProcess } from "node:child_process"
import { once } from "node:events"
import { spy, start } from "./support/Cli.ts"
import * as DaemonWorld from "./support/DaemonWorld.ts"
import * as Terminal from "./support/Terminal.ts"

const { until } = DaemonWorld

/** Besides `spy` a server that ends at once, with a word on stderr. */
const make = (): DaemonWorld.DaemonWorld => {
  const world = DaemonWorld.make()
  world.addServer("bad", { ...spy("crash"), holdfast: { maxConnectRetries: 0 } })
  return world
}

/** What a process has written so far. */
const written = (child: ChildProcess) => {
  let text = ""
  child.stdout?.setEncoding("utf8").on("data", (more: string) => text += more)
  return { text: () => text, lines: () => text.split("\n").slice(0, -1) }
}

/** Ends with the block that it was started in, also when a test fails before. */
const started = (world: DaemonWorld.DaemonWorld, ...words: ReadonlyArray<string>) => {
  const child = start(world.directory, words, world.environment)
  return { child, ...written(child), [Symbol.dispose]: () => void child.kill("SIGKILL") }
}

const interrupted = async (child: ChildProcess): Promise<void> => {
  child.kill("SIGINT")
  const [code] = await once(child, "close")
  assert.strictEqual(code, 130)
}

describe("a status that is watched", () => {
  it("is drawn anew on a terminal when something happens, until Ctrl-C", async () => {
    await using world = make()
    assert.strictEqual((await world.runCheaply("call", "spy", "echo", "text=a")).code, 0)
    const colours = { NO_COLOR: "", TERM: "xterm-256color" }
    const terminal = Terminal.start(world.directory, ["status", "--watch"], { ...world.environment, ...colours })
    try {
      await terminal.sees("idle")
      assert.include(terminal.shown(), "\u001b[H\u001b[2J")
      assert.include(terminal.shown(), "\u001b[2mSERVER")
      assert.strictEqual((await world.runCheaply("tools", "bad")).code, 4)
      await terminal.sees("bad: ")
      terminal.type("\u0003")
      assert.strictEqual((await terminal.ended).code, 130)
    } finally {
      terminal.child.kill()
    }
  })

  it("is a line of JSON for each change in a pipe, and goes on with the next daemon", async () => {
    await using world = make()
    assert.strictEqual((await world.runCheaply("call", "spy", "echo", "text=a")).code, 0)
    using watch = started(world, "status", "--watch", "--json")
    const states = () => watch.lines().map((line) => JSON.parse(line))
    await until(() => states().length > 0)
    assert.strictEqual(states()[0].pid, world.daemons()[0])
    assert.strictEqual((await world.runCheaply("daemon", "restart")).code, 0)
    await until(() => states().some(({ pid }) => pid === world.daemons()[1]))
    await interrupted(watch.child)
  })
})

describe("logs and events that are followed", () => {
  it("begin with what is known, go on with what comes, and end with their reader", async () => {
    await using world = make()
    await world.runCheaply("tools", "bad")
    using ofLogs = started(world, "logs", "bad", "-f")
    using ofEvents = started(world, "events", "-f", "--json")
    const { child: logs } = ofLogs
    const { child: events } = ofEvents
    await until(() => ofLogs.lines().length > 0 && ofEvents.lines().length > 0)
    assert.match(ofLogs.lines()[0] ?? "", /^\d\d:\d\d:\d\d \d+ {2}cannot open the database$/)
    const known = ofLogs.lines().length
    await world.runCheaply("reset", "bad")
    await world.runCheaply("tools", "bad")
    await until(() => ofLogs.lines().length > known)
    await until(() => ofEvents.lines().filter((line) => JSON.parse(line).event === "failed").length > 1)
    // The reader leaves, as `head -1` does: the next line has no reader.
    logs.stdout?.destroy()
    const ended = once(logs, "close")
    await world.runCheaply("reset", "bad")
    await world.runCheaply("tools", "bad")
    assert.deepStrictEqual((await ended)[0], 0)
    // The daemon ends: that is told.
    let words = ""
    events.stderr?.setEncoding("utf8").on("data", (text: string) => words += text)
    const last = once(events, "close")
    await world.runCheaply("daemon", "stop")
    assert.strictEqual((await last)[0], 4)
    assert.strictEqual(JSON.parse(words).error.reason, "NotRunning")
  })
})
