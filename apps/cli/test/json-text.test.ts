/** A server is put into a JSON file and taken out, and the rest of it stays as it is. */
import { assert, describe, it } from "@effect/vitest"
import { apply, valueAt } from "../src/configText/ConfigText.ts"
import * as JsonText from "../src/configText/JsonText.ts"

const entry = { command: "npx", args: ["-y", "x"], env: { A: "1" } }
const added = (text: string): string => apply(text, JsonText.read(text).add(["mcpServers"], "new", entry))
const removed = (text: string, name: string): string => apply(text, JsonText.read(text).remove(["mcpServers", name]))

/** Each is a file, and the file with the new server. */
const pairs: ReadonlyArray<readonly [before: string, after: string]> = [
  [
    `{"mcpServers": {"a": {}}}`,
    `{"mcpServers": {"a": {}, "new": { "command": "npx", "args": ["-y", "x"], "env": { "A": "1" } }}}`
  ],
  [
    `{
  "mcpServers": {
    "a": { "command": "x" }
  }
}
`,
    `{
  "mcpServers": {
    "a": { "command": "x" },
    "new": {
      "command": "npx",
      "args": ["-y", "x"],
      "env": {
        "A": "1"
      }
    }
  }
}
`
  ],
  [
    `{
\t"mcpServers": {
\t\t"a": { "command": "x" }, // of a
\t\t/* nothing else */
\t},
}`,
    `{
\t"mcpServers": {
\t\t"a": { "command": "x" }, // of a
\t\t/* nothing else */
\t\t"new": {
\t\t\t"command": "npx",
\t\t\t"args": ["-y", "x"],
\t\t\t"env": {
\t\t\t\t"A": "1"
\t\t\t}
\t\t},
\t},
}`
  ],
  [
    `{
    "mcpServers": {
        "a": { "command": "x" } // of a
    }
}`,
    `{
    "mcpServers": {
        "a": { "command": "x" }, // of a
        "new": {
            "command": "npx",
            "args": ["-y", "x"],
            "env": {
                "A": "1"
            }
        }
    }
}`
  ]
]

describe("a server that is added", () => {
  it("stands behind the others, indented as they are, and each comment stays with its own", () => {
    for (const [before, after] of pairs) {
      assert.strictEqual(added(before), after)
      const windows = (text: string): string => text.replaceAll("\n", "\r\n")
      assert.strictEqual(added(windows(before)), windows(after))
    }
  })

  it("makes the object that it needs", () => {
    assert.strictEqual(
      added(`{\n  "theme": "dark"\n}\n`),
      `{\n  "theme": "dark",\n  "mcpServers": {\n    "new": {\n      "command": "npx",\n      "args": ["-y", "x"],\n` +
        `      "env": {\n        "A": "1"\n      }\n    }\n  }\n}\n`
    )
    for (
      const text of ["{}", "{ }", "{\n}\n", "// none yet\n{\n  // here\n}", `{"mcpServers": {}}`, `{"mcpServers": {} }`]
    ) {
      const after = added(text)
      assert.deepStrictEqual(valueAt(JsonText.read(after).value, ["mcpServers", "new"]), entry, text)
      for (const comment of text.match(/\/\/.*/g) ?? []) assert.include(after, comment)
    }
  })
})

describe("a server that is removed", () => {
  it("leaves what was there before it was added", () => {
    for (const [before, after] of pairs) assert.strictEqual(removed(after, "new"), before)
  })

  it("leaves no comma that strict readers would not take, and every comment outside of it", () => {
    const text = `{
  "mcpServers": {
    // the first
    "a": { "command": "x" }, // of a
    // the last
    "b": { "command": "y" }
  }
}`
    const withoutB = removed(text, "b")
    assert.strictEqual(
      withoutB,
      `{\n  "mcpServers": {\n    // the first\n    "a": { "command": "x" } // of a\n    // the last\n  }\n}`
    )
    assert.deepStrictEqual(JSON.parse(withoutB.replaceAll(/\/\/.*/g, "")), { mcpServers: { a: { command: "x" } } })
    const withoutA = removed(text, "a")
    assert.deepStrictEqual(JSON.parse(withoutA.replaceAll(/\/\/.*/g, "")), { mcpServers: { b: { command: "y" } } })
    for (const name of ["a", "b"]) assert.include(removed(text, name), "// the first")
    assert.strictEqual(removed(`{"mcpServers": {"a": 1, "b": 2}}`, "b"), `{"mcpServers": {"a": 1}}`)
    assert.strictEqual(removed(`{"mcpServers": {"a": 1, "b": 2}}`, "a"), `{"mcpServers": {"b": 2}}`)
    assert.strictEqual(removed(`{"mcpServers": {"a": 1}}`, "a"), `{"mcpServers": {}}`)
  })
})
