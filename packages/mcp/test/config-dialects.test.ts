/** The table of `docs/config.md`: each row of it is a promise, and a test. */
import { assert, describe, it } from "@effect/vitest"
import { McpConfig } from "@holdfast/mcp/McpConfig"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { dialects, folderOf } from "../src/internal/config/configDialects.ts"
import { readNames } from "../src/internal/config/entryFields.ts"

interface Row {
  readonly program: string
  readonly files: ReadonlyArray<string>
  readonly servers: string
  readonly timeout: string
  readonly dollar: string
}

const page = fs.readFileSync(new URL("../../../docs/config.md", import.meta.url), "utf8")

const rows: ReadonlyArray<Row> = (page.split("\n\n").find((part) => /^\| program +\| file/.test(part)) ?? "").split(
  "\n"
)
  .slice(2)
  .map((line) => {
    const [, program = "", files = "", servers = "", timeout = "", dollar = ""] = line.split("|").map((cell) =>
      cell.trim().replaceAll("`", "")
    )
    return { program, files: files.split(", "), servers, timeout, dollar }
  })

const exampleOf = (program: string): string =>
  new RegExp(`\n### ${program}\n\n\`\`\`json\n(.*?)\`\`\``, "s").exec(page)?.[1] ?? ""

const environment = { TOKEN: "the-token", HOLDFAST_INPUT_API_KEY: "the-key", HOME: "/home/me" }

const temporaryDirectory = Effect.acquireRelease(
  Effect.sync(() => fs.mkdtempSync(path.join(os.tmpdir(), "holdfast-dialects-"))),
  (directory) => Effect.sync(() => fs.rmSync(directory, { recursive: true }))
)

/** A document with servers at a place of the table. */
const documentWith = (servers: string, entries: object): object => {
  const [outer = "", inner] = servers === "amp.mcpServers" ? [servers] : servers.split(".")
  return { [outer]: inner === undefined ? entries : { [inner]: entries } }
}

const only = (config: McpConfig) => {
  const [server] = config.servers.values()
  assert.isDefined(server)
  return server
}

describe("the table of programs in docs/config.md", () => {
  it("is what is read", () => {
    assert.deepStrictEqual(
      rows,
      dialects.map(({ files, program, readsDollar, servers, timeout }) => ({
        program,
        files,
        servers,
        timeout,
        dollar: readsDollar === true ? "yes" : "no"
      }))
    )
  })

  for (const { dollar, files, program, servers, timeout } of rows) {
    describe(program, () => {
      it.live("has an example of which everything is understood", () =>
        Effect.gen(function*() {
          const directory = yield* temporaryDirectory
          fs.writeFileSync(path.join(directory, ".env"), "FROM_FILE=1")
          const file = files[0] ?? ""
          const config = yield* McpConfig.parse(exampleOf(program), { file, directory, environment })
          assert.deepStrictEqual(config.warnings.map(({ message }) => message), [])
          assert.deepStrictEqual([...config.unusable.values()].map(({ message }) => message), [])
          assert.isAbove(config.servers.size, 0)
          for (const { endpoint, name } of config.servers.values()) {
            assert.strictEqual(endpoint._tag, name === "docs" ? "Http" : "Stdio")
            if (endpoint._tag === "Stdio" && name !== "docs") assert.isAbove(endpoint.args.length, 0)
            const said = Object.values(endpoint._tag === "Stdio" ? endpoint.env : endpoint.headers).map(Redacted.value)
            for (const value of said) assert.notMatch(String(value), /TOKEN|api-key/)
          }
        }).pipe(Effect.scoped))

      it.effect("has its servers where the table says, in each of its files, with their timeouts in its unit", () =>
        Effect.gen(function*() {
          const entry = { command: "x", env: { KEY: "$TOKEN" }, timeout: timeout === "seconds" ? 90 : 90_000 }
          for (const file of files) {
            const document = documentWith(servers, { one: entry })
            const { deadlines, endpoint } = only(yield* McpConfig.decode(document, { file: `/a/${file}`, environment }))
            assert.strictEqual(deadlines.hard, 90_000)
            assert(endpoint._tag === "Stdio")
            assert.strictEqual(
              endpoint.env["KEY"] && Redacted.value(endpoint.env["KEY"]),
              dollar === "yes" ? "the-token" : "$TOKEN"
            )
          }
        }))
    })
  }

  it.effect("is not needed: without a name that is known the place of the servers decides", () =>
    Effect.gen(function*() {
      const read = (servers: string, timeout: number) =>
        Effect.map(
          McpConfig.decode(documentWith(servers, { one: { command: "x", timeout } }), {
            file: "some.json",
            environment
          }),
          (config) => only(config).deadlines.hard
        )
      assert.strictEqual(yield* read("context_servers", 90), 90_000)
      assert.strictEqual(yield* read("mcp", 90_000), 90_000)
      assert.strictEqual(yield* read("servers", 90_000), 90_000)
      const bare = yield* McpConfig.decode({ one: { command: "x", timeout: 90_000 } }, { environment })
      assert.strictEqual(only(bare).deadlines.hard, 90_000)
    }))

  it.effect("has lists, too: of named servers, and of others that are named by their place", () =>
    Effect.gen(function*() {
      const config = yield* McpConfig.decode({ mcpServers: [{ name: "fs", command: "x" }, { command: "y" }] })
      assert.deepStrictEqual([...config.servers.keys()], ["fs", "server-2"])
    }))

  it.effect("does not take a server for a place with servers", () =>
    Effect.gen(function*() {
      const config = yield* McpConfig.decode({
        mcp: { servers: { type: "local", command: ["x"] }, other: { command: ["y"] } }
      })
      assert.deepStrictEqual([...config.servers.keys()], ["servers", "other"])
    }))

  it.effect("knows the lists with which Gemini switches servers on and off", () =>
    Effect.gen(function*() {
      const mcpServers = { a: { command: "x" }, b: { command: "x" } }
      const excluded = yield* McpConfig.decode({ mcpServers, mcp: { excluded: ["a"] } })
      assert.deepStrictEqual([...excluded.switchedOff], ["a"])
      const allowed = yield* McpConfig.decode({ mcpServers, mcp: { allowed: ["a"] } })
      assert.deepStrictEqual([...allowed.switchedOff], ["b"])
      assert.include(allowed.unusable.get("b")?.message ?? "", "mcp.allowed: expected a list with \"b\"")
    }))

  it("says which folder a file is for: its own, or the one around an editor's", () => {
    assert.strictEqual(folderOf("/p"), "/p")
    assert.strictEqual(folderOf("/p/.vscode"), "/p")
    assert.strictEqual(folderOf("/p/.continue/mcpServers"), "/p")
    assert.strictEqual(folderOf("/p/.github/a/b/c"), "/p/.github/a/b/c")
    assert.strictEqual(folderOf("/.cursor"), "/")
    assert.strictEqual(folderOf("C:\\p\\.vscode"), "C:\\p")
  })
})

describe("the table of fields in docs/config.md", () => {
  it("names every field that is read, under its usual names", () => {
    const table = page.slice(page.indexOf("## What an entry may say"), page.indexOf("## Placeholders"))
    const named = new Set([...table.matchAll(/`([A-Za-z_]+)`/g)].map(([, name]) => name))
    // Spellings with and without capitals are one name to a reader.
    const plain = (name: string): string => name.replaceAll("_", "").toLowerCase()
    const missing = readNames.filter((name) => ![...named].some((other) => plain(other ?? "") === plain(name)))
    assert.deepStrictEqual(missing, [])
  })
})
