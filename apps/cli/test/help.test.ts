import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import { exitCodes } from "../src/ExitCode.ts"
import { run } from "../src/Program.ts"
import * as FakeShell from "./support/FakeShell.ts"

const help = (words: ReadonlyArray<string>, columns?: number) =>
  Effect.gen(function*() {
    const shell = FakeShell.make(columns === undefined ? {} : { isTerminal: true, columns })
    assert.strictEqual(yield* Effect.provide(run([...words, "--help"]), shell.layer), 0)
    return shell.written.join("")
  })

describe("help", () => {
  for (const words of [[], ["tools"], ["call"]]) {
    for (const columns of [undefined, 80]) {
      it.effect(`of ${["holdfast", ...words].join(" ")} fits ${columns ?? "80 columns without a terminal"}`, () =>
        Effect.gen(function*() {
          const text = yield* help(words, columns)
          for (const line of text.split("\n")) assert.isAtMost(line.length, columns ?? 80, line)
          assert.notMatch(text, / $/m)
          assert.include(text, "EXAMPLES\n")
        }))
    }
  }

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
