import { assert, describe, it } from "@effect/vitest"
import { Endpoint } from "@holdfast/mcp/Endpoint"
import { McpConfig } from "@holdfast/mcp/McpConfig"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as TestClock from "effect/testing/TestClock"
import * as ServerWord from "../src/ServerWord.ts"
import { printable, styleOf } from "../src/Style.ts"
import { firstLine } from "../src/Table.ts"
import * as Waiting from "../src/Waiting.ts"
import { waitingFor } from "../src/WaitingFor.ts"
import * as FakeShell from "./support/FakeShell.ts"

describe("the line that says what is waited for", () => {
  const wait = (shell: FakeShell.FakeShell) =>
    Effect.scoped(Effect.gen(function*() {
      const waiting = yield* Waiting.make
      waiting.say("waiting for fs")
      yield* TestClock.adjust("999 millis")
      const early = [...shell.written]
      yield* TestClock.adjust("1 millis")
      waiting.say("calling fs.read")
      yield* TestClock.adjust("1 second")
      return early
    })).pipe(Effect.provide(shell.layer))

  it.effect("comes after a second, on a terminal, is kept up to date and leaves no trace", () =>
    Effect.gen(function*() {
      const shell = FakeShell.make({ isTerminal: true })
      assert.deepStrictEqual(yield* wait(shell), [])
      const erase = "\r\u001b[2K"
      assert.deepStrictEqual(shell.written, [
        `${erase}waiting for fs (1 s)`,
        `${erase}calling fs.read (2 s)`,
        erase
      ])
    }))

  it.effect("has gone when what is waited for is over, so that the result has a line of its own", () =>
    Effect.gen(function*() {
      const shell = FakeShell.make({ isTerminal: true })
      yield* Effect.scoped(Effect.gen(function*() {
        const waiting = yield* Waiting.make
        waiting.say("waiting for fs")
        yield* waiting.until(TestClock.adjust("1 second"))
        yield* Effect.sync(() => shell.written.push("result"))
        yield* TestClock.adjust("5 seconds")
      })).pipe(Effect.provide(shell.layer))
      const erase = "\r\u001b[2K"
      assert.deepStrictEqual(shell.written, [`${erase}waiting for fs (1 s)`, erase, "result"])
    }))

  it.effect("never comes where no person looks", () =>
    Effect.gen(function*() {
      const shell = FakeShell.make()
      yield* wait(shell)
      assert.deepStrictEqual(shell.written, [])
    }))

  it.effect("names who is waited for, and that a launcher may be downloading", () =>
    Effect.gen(function*() {
      const config = yield* McpConfig.make({
        a: Endpoint.stdio({ command: "node" }),
        b: Endpoint.stdio({ command: "/usr/bin/npx" })
      })
      assert.strictEqual(waitingFor(["a"], config), "waiting for a")
      assert.strictEqual(waitingFor(["a", "b"], config), "waiting for a, b; a first npx may be downloading")
      assert.strictEqual(waitingFor(["a", "b", "c", "d", "e"], config).split(";")[0], "waiting for a, b, c, d, e")
      assert.strictEqual(
        waitingFor(["b", "c", "d", "e", "f", "g", "h"], config),
        "waiting for b, c, d, e, 3 more; a first npx may be downloading"
      )
    }))
})

describe("text on a terminal", () => {
  it("has nothing in it that the terminal would obey", () => {
    assert.strictEqual(printable("\u001b]0;owned\u0007a\tb\r\nc\u009b2J\u007f"), "]0;owneda\tb\nc2J")
  })

  it("is emphasised only where colours are wanted", () => {
    assert.strictEqual(styleOf({ hasColor: false }).red("x"), "x")
    assert.strictEqual(styleOf({ hasColor: true }).red("x"), "\u001b[31mx\u001b[39m")
  })

  it("is cut by what it takes on the screen", () => {
    assert.strictEqual(firstLine("one\ntwo"), "one")
    assert.strictEqual(firstLine("abcdef", 4), "abc…")
    assert.strictEqual(firstLine("漢字漢字", 5), "漢字…")
    assert.strictEqual(firstLine("abcd", 4), "abcd")
  })
})

describe("a server and a tool in one word", () => {
  const config = { file: "x", servers: new Map(), unusable: new Map(), switchedOff: new Set<string>(), warnings: [] }
  const split = (word: string, ...names: ReadonlyArray<string>) =>
    Effect.map(
      McpConfig.make(Object.fromEntries(names.map((name) => [name, Endpoint.stdio({ command: "x" })]))),
      (config) => ServerWord.split(word, config)
    )

  it.effect("are told apart by the servers there are, dots in names included", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* split("fs", "fs"), Result.succeed({ server: "fs", tool: undefined }))
      assert.deepStrictEqual(yield* split("fs.a.b", "fs"), Result.succeed({ server: "fs", tool: "a.b" }))
      assert.deepStrictEqual(yield* split("fs.a.b", "fs", "fs.a"), Result.succeed({ server: "fs.a", tool: "b" }))
      assert.deepStrictEqual(yield* split("fs.a", "fs", "fs.a"), Result.succeed({ server: "fs.a", tool: undefined }))
    }))

  it.effect("an unknown server is compared by its part before the dot", () =>
    Effect.gen(function*() {
      const failed = yield* split("fss.read", "fs")
      assert(Result.isFailure(failed))
      assert.deepStrictEqual([failed.failure.server, failed.failure.near], ["fss", ["fs"]])
      assert.isTrue(Result.isFailure(ServerWord.split("any", config)))
    }))
})
