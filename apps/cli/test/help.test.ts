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

describe("words that are wrong", () => {
  it.effect("are told in one sentence with what is meant, and how the command is written; as JSON, too", () =>
    Effect.gen(function*() {
      const wrong: ReadonlyArray<readonly [words: string, sentence: string, written: string]> = [
        ["tols", "there is no command \"tols\"; did you mean tools?", "holdfast <command> [flags]"],
        ["daemon stp", "daemon has no command \"stp\"; did you mean stop?", "holdfast daemon <run | status"],
        ["tools --jsn", "tools has no flag --jsn; did you mean --json?", "holdfast tools [flags]"],
        ["call", "an argument is missing", "holdfast call [flags] <server> <tool> [key=value…]"],
        ["why", "<server> is missing", "holdfast why <server>"],
        ["tools a b", "\"b\" is too much", "holdfast tools"],
        ["tools --concurrency x", "--concurrency: expected a number, not \"x\"", "holdfast tools"],
        ["tools --deadline 3x", "--deadline: expected a duration such as 30s", "holdfast tools"]
      ]
      for (const [line, sentence, written] of wrong) {
        const words = line.split(" ")
        const shell = FakeShell.make()
        assert.strictEqual(yield* Effect.provide(run(words), shell.layer), 2)
        assert.deepStrictEqual(shell.out, [])
        assert.include(shell.err.join(""), `holdfast: ${sentence}`)
        assert.include(shell.err.join(""), `\n  ${written}`)
        const json = FakeShell.make()
        assert.strictEqual(yield* Effect.provide(run([...words, "--json"]), json.layer), 2)
        const { error } = JSON.parse(json.err.join(""))
        assert.strictEqual(error.reason, "Usage")
        assert.include(error.message, sentence)
      }
    }))

  it.effect("and none at all are told which there are, on stderr, without all of the help", () =>
    Effect.gen(function*() {
      for (const words of [[], ["daemon"]]) {
        const shell = FakeShell.make()
        assert.strictEqual(yield* Effect.provide(run(words), shell.layer), 2)
        assert.deepStrictEqual(shell.out, [])
        assert.match(shell.err.join(""), /COMMANDS\n(?: {2}.*\n)+\nMore/)
      }
    }))
})

describe("the README", () => {
  it("has the exit codes as they are", () => {
    const readme = fs.readFileSync(new URL("../README.md", import.meta.url), "utf8")
    const rows = [...readme.matchAll(/^\| (\d+) +\| (.*?) +\|$/gm)].map(([, code, meaning]) => [Number(code), meaning])
    assert.deepStrictEqual(rows, exitCodes.map((each) => [...each]))
  })
})
