import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import { exitCodes } from "../src/ExitCode.ts"
import { run } from "../src/Program.ts"
import * as FakeShell from "./support/FakeShell.ts"
import * as Words from "./support/Words.ts"

const help = (words: ReadonlyArray<string>, columns?: number) =>
  Effect.gen(function*() {
    const shell = FakeShell.make(columns === undefined ? {} : { isTerminal: true, columns })
    assert.strictEqual(yield* Effect.provide(run([...words, "--help"]), shell.layer), 0)
    return shell.written.join("")
  })

describe("help", () => {
  it.effect("of every word fits 80 columns, has examples that begin as it does, and no spaces at the ends of lines", () =>
    Effect.gen(function*() {
      for (const { examples, hasWordsBelow, words } of Words.all) {
        const name = ["holdfast", ...words].join(" ")
        const text = yield* help(words)
        for (const line of text.split("\n")) assert.isAtMost(line.length, 80, `${name}: ${line}`)
        assert.notMatch(text, / $/m, name)
        assert.include(text, "USAGE\n  holdfast", name)
        if (hasWordsBelow && words.length > 0) continue
        assert.isNotEmpty(examples, `${name} has no example`)
        for (const { command } of examples) assert.include(command, "holdfast ", name)
        assert.include(text, "EXAMPLES\n", name)
      }
    }))

  it.effect("of a word fits the terminal, and is what help says of the word", () =>
    Effect.gen(function*() {
      for (const columns of [70, 80, 200]) {
        for (const line of (yield* help(["call"], columns)).split("\n")) assert.isAtMost(line.length, columns, line)
      }
      for (const words of [["call"], ["daemon", "stop"]]) {
        const shell = FakeShell.make()
        assert.strictEqual(yield* Effect.provide(run(["help", ...words]), shell.layer), 0)
        assert.strictEqual(shell.written.join(""), yield* help(words))
      }
      const unknown = FakeShell.make()
      assert.strictEqual(yield* Effect.provide(run(["help", "cal"]), unknown.layer), 2)
    }))

  it.effect("of the program says what a config looks like and what each exit code means", () =>
    Effect.gen(function*() {
      const text = yield* help([])
      const json = /^CONFIG\n[^{]*(\{[^]*?)\n\n/m.exec(text)?.[1] ?? ""
      assert.property(JSON.parse(json.split("\n").slice(0, -1).join("\n")).mcpServers, "fs")
      for (const [code] of exitCodes) assert.match(text, new RegExp(`^ +${code} +[a-z]`, "m"))
    }))

  it.effect("of a command names its words in the order in which they are written", () =>
    Effect.gen(function*() {
      assert.include(yield* help(["call"]), "holdfast call [flags] <server> <tool> [key=value…]")
    }))
})

describe("the README", () => {
  it("has the exit codes as they are", () => {
    const readme = fs.readFileSync(new URL("../README.md", import.meta.url), "utf8")
    const rows = [...readme.matchAll(/^\| (\d+) +\| (.*?) +\|$/gm)].map(([, code, meaning]) => [Number(code), meaning])
    assert.deepStrictEqual(rows, exitCodes.map((each) => [...each]))
  })
})
