import { assert, describe, it } from "@effect/vitest"
import * as ChildRegistry from "../src/internal/ChildRegistry.ts"
import type { ReaperOptions } from "../src/internal/ReaperProcess.ts"

/** A registry whose reapers, ledger, clock and log are the test's. */
const make = () => {
  const reapers: Array<{ readonly told: Array<string>; readonly options: ReaperOptions; killed: boolean }> = []
  const log: Array<string> = []
  const ledger: Array<string> = []
  const retries: Array<() => void> = []
  const world = {
    now: 0,
    refuses: false,
    hasShell: true,
    backlog: 0,
    lines: (): ReadonlyArray<string> => [],
    turn: [] as Array<() => void>
  }
  const registry = ChildRegistry.make({
    runtime: "r",
    platform: () => world.hasShell ? { table: "proc" } : undefined,
    startReaper: (options) => {
      if (world.refuses) return undefined
      const reaper = { told: [] as Array<string>, options, killed: false }
      reapers.push(reaper)
      return {
        pid: reapers.length,
        tell: (line) => void reaper.told.push(line),
        endLifeline: () => {},
        backlog: () => world.backlog,
        kill: () => {
          reaper.killed = true
        }
      }
    },
    openLedger: (lines) => {
      world.lines = lines
      return { file: "/ledger", append: (line) => void ledger.push(line), clear: () => void ledger.push("cleared") }
    },
    now: () => world.now,
    soon: (run) => void world.turn.push(run),
    later: (retry) => void retries.push(retry),
    notices: {
      inform: (message) => void log.push(`info: ${message}`),
      warn: (message) => void log.push(`warning: ${message}`)
    }
  })
  return { registry, reapers, log, ledger, retries, world }
}

describe("the children of a runtime", () => {
  it("that end in one turn are told of together, and the last of all at once", () => {
    const { ledger, reapers, registry, world } = make()
    const tags = [1, 2, 3, 4].map((group) => {
      const tag = registry.expect("kill")
      registry.add(tag, group, "7")
      return tag
    })
    const [first, second, third, fourth] = tags
    const told = () => reapers[0]?.told.splice(0)
    told()
    ledger.splice(0)
    for (const tag of [first, second]) if (tag !== undefined) registry.remove(tag)
    assert.strictEqual(registry.status().registered, 2)
    assert.deepStrictEqual(told(), [])
    for (const run of world.turn.splice(0)) run()
    assert.deepStrictEqual([told(), ledger.splice(0)], [["del 1\ndel 2"], ["del 1\ndel 2"]])
    for (const tag of [third, fourth]) if (tag !== undefined) registry.remove(tag)
    assert.deepStrictEqual([told(), ledger.splice(0)], [["del 3\ndel 4"], ["cleared"]])
    for (const run of world.turn.splice(0)) run()
    assert.deepStrictEqual(told(), [])
  })

  it("are announced before the spawn, registered after it and forgotten at the end, to reaper and ledger alike", () => {
    const { ledger, reapers, registry, world } = make()
    const tag = registry.expect("kill")
    assert.deepStrictEqual(tag, { runtime: "r", number: 1, policy: "kill" })
    registry.add(tag, 4242, "99")
    assert.deepInclude(registry.status(), { state: "running", registered: 1, kind: "sh", pid: 1 })
    registry.remove(tag)
    registry.remove(tag)
    assert.strictEqual(registry.status().registered, 0)
    assert.deepStrictEqual(ledger, ["expect 1", "add 1 4242 99 kill", "cleared"])
    assert.deepStrictEqual(reapers[0]?.told, ["expect 1", "add 1 4242 99 kill", "del 1"])
    assert.strictEqual(reapers[0]?.options.ledger, "/ledger")
    assert.deepStrictEqual(world.lines(), [])
  })

  it("that could not be spawned leave no expectation behind", () => {
    const { registry, world } = make()
    registry.remove(registry.expect("group"))
    assert.deepStrictEqual(world.lines(), [])
  })

  it("run without a reaper where there is no shell, with one warning, and are in the ledger all the same", () => {
    const { ledger, log, reapers, registry, world } = make()
    world.hasShell = false
    registry.add(registry.expect("kill"), 100, "1")
    world.now = 120_000
    registry.expect("kill")
    assert.isEmpty(reapers)
    assert.deepStrictEqual(log, [
      "warning: there is no /bin/sh, and so no reaper: should this program be killed, what it started may stay"
    ])
    assert.deepInclude(registry.status(), { state: "given up", pid: undefined, kind: "none", registered: 1 })
    assert.deepStrictEqual(ledger, ["expect 1", "add 1 100 1 kill", "expect 2"])
  })

  it("a new reaper is told of all who live and all who are expected", () => {
    const { log, reapers, registry } = make()
    registry.add(registry.expect("kill"), 100, "1")
    const gone = registry.expect("kill")
    registry.add(gone, 200, "2")
    registry.add(registry.expect("group"), 300, "3")
    registry.expect("kill")
    registry.remove(gone)
    reapers[0]?.options.onDeath("SIGKILL")
    assert.strictEqual(reapers.length, 2)
    assert.deepStrictEqual(reapers[1]?.told, ["expect 4", "add 1 100 1 kill", "add 3 300 3 group"])
    assert.deepStrictEqual(log, ["info: the reaper has died (SIGKILL) and is replaced"])
    assert.deepInclude(registry.status(), { state: "running", pid: 2, registered: 2 })
  })

  it("after more than five deaths within a minute no new reaper is started, with one warning, until a spawn a minute later", () => {
    const { log, reapers, registry, world } = make()
    registry.guard()
    for (let death = 0; death < 6; death++) {
      world.now += 1000
      reapers.at(-1)?.options.onDeath("SIGKILL")
    }
    assert.strictEqual(reapers.length, 6)
    assert.deepInclude(registry.status(), { state: "given up", pid: undefined, kind: "none" })
    assert.strictEqual(log.filter((line) => line.startsWith("warning")).length, 1)
    registry.expect("kill")
    world.now += 59_999
    registry.expect("kill")
    assert.strictEqual(reapers.length, 6)
    world.now += 1
    registry.expect("kill")
    assert.strictEqual(reapers.length, 7)
    assert.deepStrictEqual(reapers[6]?.told, ["expect 1", "expect 2", "expect 3"])
    assert.strictEqual(registry.status().state, "running")
  })

  it("five deaths within a minute, again and again, are replaced for ever", () => {
    const { log, reapers, registry, world } = make()
    registry.guard()
    for (let death = 0; death < 50; death++) {
      world.now += 12_001
      reapers.at(-1)?.options.onDeath("SIGKILL")
    }
    assert.strictEqual(reapers.length, 51)
    assert.deepStrictEqual(log.filter((line) => line.startsWith("warning")), [])
  })

  it("a reaper that cannot be started is tried again every second for those who live, with one warning", () => {
    const { log, reapers, registry, retries, world } = make()
    world.refuses = true
    const tag = registry.expect("kill")
    assert.deepStrictEqual([retries.length, log.length], [0, 0])
    registry.add(tag, 100, "1")
    retries.shift()?.()
    retries.shift()?.()
    assert.strictEqual(retries.length, 1)
    assert.strictEqual(log.length, 1)
    world.refuses = false
    retries.shift()?.()
    assert.deepStrictEqual(reapers[0]?.told, ["add 1 100 1 kill"])
    assert.strictEqual(registry.status().state, "running")
    assert.strictEqual(retries.length, 0)
  })

  it("a reaper that takes nothing off its lifeline any more is replaced", () => {
    const { reapers, registry, world } = make()
    registry.expect("kill")
    assert.isFalse(reapers[0]?.killed)
    world.backlog = 64 * 1024 + 1
    registry.expect("kill")
    assert.isTrue(reapers[0]?.killed)
  })
})
