/** The configs of other programs, as their own documents write them: imported, adopted, and undone to the byte. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as fs from "node:fs"
import * as path from "node:path"
import { isMembers, valueAt } from "../src/configText/ConfigText.ts"
import * as JsonText from "../src/configText/JsonText.ts"
import * as TomlText from "../src/configText/TomlText.ts"
import * as YamlText from "../src/configText/YamlText.ts"
import { hostNames } from "../src/hosts/hostNames.ts"
import { hosts } from "../src/hosts/Hosts.ts"
import * as ImportOutput from "../src/outputs/import.ts"
import * as ConfigWorld from "./support/ConfigWorld.ts"
import { hostConfigs } from "./support/hostConfigs.ts"

const program = "/usr/bin/holdfast"

const valueOf = (file: string): unknown => {
  const text = fs.readFileSync(file, "utf8").replace(/^\uFEFF/, "")
  return (file.endsWith(".toml") ? TomlText : file.endsWith(".yaml") ? YamlText : JsonText).read(text).value
}

/** The command of a server as its program would start it. */
const commandOf = (file: string, host: string, server: string): ReadonlyArray<unknown> | undefined => {
  const value = valueOf(file)
  const known = hosts.find(({ name }) => name === host) ?? assert.fail(host)
  const containers = [
    ...known.containers({ home: "", platform: "linux", environment: {}, directory: "" }, value).map(({ path }) => path),
    ...known.elsewhere?.(value) ?? []
  ]
  const entry = containers.map((path) => valueAt(value, [...path, server])).find((each) => each !== undefined)
  const command = valueAt(entry, [known.command])
  if (Array.isArray(command)) return command
  const [program, args] = isMembers(command) ? [command["path"], command["args"]] : [command, valueAt(entry, ["args"])]
  return [program, ...(Array.isArray(args) ? args : [])]
}

describe("the programs that are known", () => {
  it("have the names that the help says, and documents", () => {
    assert.deepStrictEqual(hosts.map(({ name }) => name), [...hostNames])
    for (const { documents } of hosts) assert.match(documents, /^https:\/\//)
    assert.deepStrictEqual(new Set(hostConfigs.map(({ host }) => host)), new Set(hostNames))
  })
})

describe("importing", () => {
  it.effect("takes over what each program has, and says of the rest why not", () =>
    Effect.gen(function*() {
      const world = yield* ConfigWorld.make
      for (const { file, text } of hostConfigs) world.write(file, text)
      for (const { from, host, imported, unusable = [] } of hostConfigs) {
        const to = Option.some(`${host}.json`)
        const { exitCode, text } = yield* world.import({ host: Option.some(host), write: true, user: false, to })
        assert.strictEqual(exitCode, 0, `${host}: ${text}`)
        const output = yield* Schema.decodeUnknownEffect(ImportOutput.Output)(JSON.parse(text))
        assert.deepStrictEqual(output.faults, [])
        assert.deepStrictEqual(output.written, Object.keys(imported), host)
        assert.deepStrictEqual(
          output.servers.filter(({ state }) => state === "unusable").map(({ server }) => server),
          unusable
        )
        // The file is one that others may read: no secret is in it.
        const written = fs.readFileSync(path.join(world.directory, `${host}.json`), "utf8")
        assert.notMatch(written, /YOUR_KEY|your_api_key|your-token|<token>/, from)
        // Nothing is new the second time, and nothing is written.
        const again = yield* world.import({ host: Option.some(host), write: true, to })
        assert.deepStrictEqual(JSON.parse(again.text).written, [], host)
        assert.strictEqual(fs.readFileSync(path.join(world.directory, `${host}.json`), "utf8"), written)
      }
      // One's own file may have what one's own files have.
      for (const { host, imported } of hostConfigs) {
        const users = path.join(world.home, ".config/holdfast/mcp.json")
        yield* world.import({ host: Option.some(host), write: true, user: true })
        assert.deepStrictEqual(valueOf(users), { mcpServers: imported }, host)
        assert.strictEqual(fs.statSync(users).mode & 0o777, 0o600)
        fs.rmSync(users)
      }
    }))
})

const forms = {
  "as it is": (text: string) => Buffer.from(text),
  "with CRLF and a byte order mark": (text: string) => Buffer.from(`\uFEFF${text.replaceAll("\n", "\r\n")}`),
  "with tabs, in UTF-16": (text: string) =>
    Buffer.from(`\uFEFF${text.replaceAll(/^ +/gm, (blanks) => "\t".repeat(blanks.length / 2))}`, "utf16le")
}

describe("adopting", () => {
  for (const [form, made] of Object.entries(forms)) {
    it.effect(`puts holdfast in front of each command, once, and is undone to the byte: ${form}`, () =>
      Effect.gen(function*() {
        const world = yield* ConfigWorld.make
        for (const { adopted, file, from, host, text } of hostConfigs) {
          // YAML takes no tabs, and its program no UTF-16.
          if (form.includes("UTF-16") && !/\.jsonc?$/.test(file)) continue
          const bytes = made(text)
          const absolute = world.write(file, bytes)
          const read = (): ReadonlyArray<readonly [string, unknown]> =>
            Object.keys(adopted).map((
              server
            ) => [server, form.includes("UTF-16") ? [] : commandOf(absolute, host, server)])
          for (let round = 0; round < 2; round++) {
            // Shown only.
            yield* world.adopt(host, { write: false })
            assert.include(world.said(), "nothing is written yet", host)
            assert.isTrue(fs.readFileSync(absolute).equals(bytes), host)
            assert.strictEqual(yield* world.adopt(host), 0, from)
            const after = fs.readFileSync(absolute)
            assert.isFalse(after.equals(bytes), host)
            for (const [server, command] of read()) {
              const expected = [program, "wrap", "--", ...adopted[server] ?? []]
              assert.deepStrictEqual(command, form.includes("UTF-16") ? [] : expected, `${host}: ${server}`)
            }
            // Every comment is there, and every line that has no command in it.
            const lines = after.toString("utf8").split(/\r?\n/)
            for (const line of bytes.toString("utf8").split(/\r?\n/)) {
              if (!/command|cmd|args/.test(line) && !form.includes("UTF-16")) assert.include(lines, line, host)
            }
            world.said()
            yield* world.adopt(host)
            assert.isTrue(fs.readFileSync(absolute).equals(after), `${host}, adopted twice`)
            assert.include(world.said(), "already behind holdfast")
            yield* world.adopt(host, { undo: true })
            assert.isTrue(fs.readFileSync(absolute).equals(bytes), `${host}, undone`)
            assert.include(world.said(), "as it was, byte for byte")
            yield* world.adopt(host, { undo: true })
            assert.isTrue(fs.readFileSync(absolute).equals(bytes), `${host}, undone twice`)
            assert.match(world.said(), /nothing of .* is adopted/)
          }
          fs.rmSync(absolute)
        }
      }))
  }

  it.effect("is undone entry by entry in a file that was changed since, and adopts what was added", () =>
    Effect.gen(function*() {
      const world = yield* ConfigWorld.make
      for (const { adopted, file, host, text } of hostConfigs) {
        const absolute = world.write(file, text)
        yield* world.adopt(host)
        // A comment is the smallest change that all three formats have.
        const comment = /\.jsonc?$/.test(file) ? "// mine\n" : "# mine\n"
        fs.writeFileSync(absolute, comment + fs.readFileSync(absolute, "utf8"))
        world.said()
        yield* world.adopt(host, { undo: true })
        assert.include(world.said(), "was changed since: only holdfast's part was taken out", host)
        assert.deepStrictEqual(fs.readFileSync(absolute, "utf8"), comment + text, host)
        for (const [server, command] of Object.entries(adopted)) {
          assert.deepStrictEqual(commandOf(absolute, host, server), command, `${host}: ${server}`)
        }
        fs.rmSync(absolute)
      }
      const before = `{"mcpServers": {"a": {"command": "x"}}}`
      const cursor = world.write(".cursor/mcp.json", before)
      yield* world.adopt("cursor")
      const more = fs.readFileSync(cursor, "utf8").replace(/\}\}$/, `, "b": {"command": "y", "args": []}}}`)
      fs.writeFileSync(cursor, more)
      yield* world.adopt("cursor")
      assert.deepStrictEqual(commandOf(cursor, "cursor", "b"), [program, "wrap", "--", "y"])
      yield* world.adopt("cursor", { undo: true })
      assert.strictEqual(
        fs.readFileSync(cursor, "utf8"),
        `{"mcpServers": {"a": {"command": "x"}, "b": {"command": "y", "args": []}}}`
      )
    }))
})
