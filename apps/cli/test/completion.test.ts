import { assert, describe, it } from "@effect/vitest"
import type * as CliCommand from "effect/cli/Command"
import type * as HelpDoc from "effect/cli/HelpDoc"
import * as path from "node:path"
import { command } from "../src/Command.ts"
import { answers } from "../src/hot/Completion.ts"
import * as Generated from "./support/Generated.ts"

const tools = [
  {
    name: "write",
    inputSchema: {
      properties: { path: { type: "string" }, mode: { enum: ["over", "append"] }, sync: { type: "boolean" } }
    }
  },
  { name: "wa\u001bit", inputSchema: {} },
  { name: "walk" },
  "no tool"
]

const after = (...words: ReadonlyArray<string>) =>
  answers(words, {
    servers: (config) => config === undefined ? ["fs", "fs.old", "web:one"] : [`of ${config}`],
    tools: (server) => server === "fs" ? tools : []
  })

interface Documented {
  readonly buildHelpDoc: (path: ReadonlyArray<string>) => HelpDoc.HelpDoc
}

/** One row for a word: its arguments, and its flags, with `=` where a value follows. */
const rowsOf = (one: CliCommand.Command.Any, words: ReadonlyArray<string>): ReadonlyArray<string> => {
  // Every command has it, though its type says nothing of it.
  const { args = [], flags } = (one as unknown as Documented).buildHelpDoc(["holdfast", ...words])
  const items = [
    ...args.map(({ name }) => `<${name}>`),
    ...flags.flatMap(({ aliases, name, type }) =>
      [`--${name}`, ...aliases].map((each) => type === "boolean" ? each : `${each}=`)
    ),
    ...(words.length === 0 ? ["--help", "-h", "--version"] : [])
  ]
  const below = one.subcommands.flatMap(({ commands }) => commands)
  return [
    `${words.join(" ")}: ${items.join(" ")}`.trimEnd(),
    ...below.flatMap((each) => rowsOf(each, [...words, each.name]))
  ]
}

describe("completion", () => {
  it("knows the words and flags of the command line; UPDATE=1 writes them anew", () => {
    const { found, made } = Generated.compared(
      path.resolve(import.meta.dirname, "../src/hot/CompletionRows.ts"),
      "/** The words, with their arguments and flags; `=`: a value follows. A test makes it of the command line. */\n" +
        `export const rows: ReadonlyArray<string> = [\n${
          rowsOf(command, []).map((row) => `  ${JSON.stringify(row)}`).join(",\n")
        }\n]\n`
    )
    assert.strictEqual(found, made)
  })

  it("gives words, those below a word, and flags with those of all words", () => {
    assert.deepStrictEqual(after("co"), ["complete", "connect", "completion"])
    assert.deepStrictEqual(after("daemon", "st"), ["status", "stop"])
    assert.deepStrictEqual(after("call", "--id"), ["--idempotent"])
    assert.deepStrictEqual(after("daemon", "unit", "--la"), ["--launchd"])
    assert.deepStrictEqual(after("--json", "servers", "--no-d"), ["--no-daemon"])
    assert.deepStrictEqual(after("wrap", "--", "--j"), [])
    assert.deepStrictEqual(after("help", "daemon", "r"), ["run", "restart", "reset"])
    assert.deepStrictEqual(after("import", "cu"), ["cursor"])
    assert.deepStrictEqual(after("completion", ""), ["bash", "zsh", "fish"])
  })

  it("gives servers of the config that is named or found, but not where a server is said, nor as a value", () => {
    for (const word of ["tools", "why", "remove", "connect", "read", "call"]) {
      assert.deepStrictEqual(after(word, "web"), ["web:one"], word)
    }
    assert.deepStrictEqual(after("daemon", "reset", "w"), ["web:one"])
    assert.deepStrictEqual(after("call", "-c", "a.json", ""), ["of a.json"])
    assert.deepStrictEqual(after("--config=b.json", "call", ""), ["of b.json"])
    assert.deepStrictEqual(after("call", "--url", "https://example.org/mcp", ""), [])
    assert.deepStrictEqual(after("call", "-o", ""), [])
    assert.deepStrictEqual(after("why", "fs", ""), [])
    assert.deepStrictEqual(after("add", ""), [])
  })

  it("gives tools, names of arguments and values that the schema says; none that would write to the terminal", () => {
    assert.deepStrictEqual(after("call", "fs", ""), ["write", "walk"])
    assert.deepStrictEqual(after("tools", "fs.w"), ["fs.write", "fs.walk"])
    assert.deepStrictEqual(after("call", "fs.write", "path=x", ""), ["mode=", "sync="])
    assert.deepStrictEqual(after("call", "fs", "write", "mode=a"), ["mode=append"])
    assert.deepStrictEqual(after("call", "fs", "write", "sync:="), ["sync:=true", "sync:=false"])
    assert.deepStrictEqual(after("call", "fs", "write", "mode:="), [])
    assert.deepStrictEqual(after("call", "fs", "write", "path="), [])
    assert.deepStrictEqual(after("call", "none", "write", ""), [])
  })
})
