/**
 * Files of other programs are written whole or not at all, and keep what they are. Public reports of tools that did otherwise are named beside
 * the tests.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as fs from "node:fs"
import * as path from "node:path"
import * as Add from "../src/commands/add.ts"
import * as Remove from "../src/commands/remove.ts"
import { valueAt } from "../src/configText/ConfigText.ts"
import * as EditedFile from "../src/EditedFile.ts"
import * as configFiles from "../src/internal/configFiles.ts"
import * as AddOutput from "../src/outputs/add.ts"
import * as AdoptOutput from "../src/outputs/adopt.ts"
import * as RemoveOutput from "../src/outputs/remove.ts"
import * as ConfigWorld from "./support/ConfigWorld.ts"

type World = Effect.Success<typeof ConfigWorld.make>

const none = { config: Option.none(), to: Option.none(), user: false, json: false }

const add = ({ shell }: World, name: string, words: ReadonlyArray<string>, options: Partial<Add.AddInput> = {}) =>
  Add.run({ ...none, name, words, env: [], header: [], cwd: Option.none(), sse: false, replace: false, ...options })
    .pipe(Effect.provide(shell.layer))

const remove = ({ shell }: World, name: string, options: Partial<Remove.RemoveInput> = {}) =>
  Remove.run({ ...none, name, ...options }).pipe(Effect.provide(shell.layer))

const messageOf = <A, R>(effect: Effect.Effect<A, { readonly message: string }, R>) =>
  Effect.map(Effect.flip(effect), ({ message }) => message)

const config = `{"mcpServers": {"a": {"command": "x", "args": ["y"]}}}`

describe("a config that is a symbolic link", () => {
  // https://github.com/anthropics/claude-code/issues/80276, https://github.com/asheshgoplani/agent-deck/issues/1313
  it.effect("stays one, and its target is written; back, too", () =>
    Effect.gen(function*() {
      const world = yield* ConfigWorld.make
      const target = world.write("dotfiles/cursor.json", config)
      const link = path.join(world.home, ".cursor/mcp.json")
      fs.mkdirSync(path.dirname(link))
      fs.symlinkSync("../dotfiles/cursor.json", link)
      yield* world.adopt("cursor")
      assert.isTrue(fs.lstatSync(link).isSymbolicLink())
      assert.include(fs.readFileSync(target, "utf8"), "wrap")
      yield* world.adopt("cursor", { undo: true })
      assert.isTrue(fs.lstatSync(link).isSymbolicLink())
      assert.strictEqual(fs.readFileSync(target, "utf8"), config)
    }))

  // https://github.com/anthropics/claude-code/issues/78162
  it.effect("may lead through a folder that takes no files", () =>
    Effect.gen(function*() {
      const world = yield* ConfigWorld.make
      const target = world.write("real/cursor.json", config)
      const store = path.join(world.home, "store")
      fs.mkdirSync(store)
      fs.symlinkSync(target, path.join(store, "cursor.json"))
      fs.mkdirSync(path.join(world.home, ".cursor"))
      fs.symlinkSync(path.join(store, "cursor.json"), path.join(world.home, ".cursor/mcp.json"))
      fs.chmodSync(store, 0o555)
      yield* world.adopt("cursor")
      assert.include(fs.readFileSync(target, "utf8"), "wrap")
      assert.deepStrictEqual(fs.readdirSync(store), ["cursor.json"])
      fs.chmodSync(store, 0o755)
    }))

  it.effect("may lead to nothing yet, where the file is made", () =>
    Effect.gen(function*() {
      const world = yield* ConfigWorld.make
      const link = path.join(world.directory, ".mcp.json")
      fs.symlinkSync("../later.json", link)
      yield* add(world, "a", ["x"])
      assert.isTrue(fs.lstatSync(link).isSymbolicLink())
      assert.include(fs.readFileSync(path.join(world.home, "later.json"), "utf8"), "mcpServers")
    }))
})

describe("a config that is not written", () => {
  it.effect("because it is read-only says so, and nothing is kept of it", () =>
    Effect.gen(function*() {
      const world = yield* ConfigWorld.make
      const file = world.write(".cursor/mcp.json", config)
      fs.chmodSync(file, 0o444)
      assert.strictEqual(yield* messageOf(world.adopt("cursor")), `${file}: it is read-only`)
      assert.strictEqual(yield* messageOf(world.adopt("cursor", { write: false })), `${file}: it is read-only`)
      assert.strictEqual(fs.readFileSync(file, "utf8"), config)
      assert.isFalse(fs.existsSync(path.join(world.home, ".local/state/holdfast/adopted")))
      assert.deepStrictEqual(fs.readdirSync(path.dirname(file)), ["mcp.json"])
    }))

  // https://github.com/CodeGraphContext/CodeGraphContext/issues/660, https://github.com/hypothesi/mcp-server-tauri/issues/26
  it.effect("because it is no JSON stays as it is", () =>
    Effect.gen(function*() {
      const world = yield* ConfigWorld.make
      const broken = `{ "mcpServers": { "a": { "command": "x" } }, `
      const file = world.write("work/.mcp.json", broken)
      assert.match(yield* messageOf(add(world, "b", ["x"])), /\.mcp\.json: it is no JSON, near line 1/)
      world.write(".codex/config.toml", "model = \n")
      assert.match(yield* messageOf(world.adopt("codex")), /config\.toml: it is no TOML, near line 2/)
      world.write(".config/goose/config.yaml", "extensions: {a: [}\n")
      assert.match(yield* messageOf(world.adopt("goose")), /config\.yaml: it is no YAML, near line 1/)
      assert.strictEqual(fs.readFileSync(file, "utf8"), broken)
    }))

  // https://github.com/anthropics/claude-code/issues/73590, https://github.com/anthropics/claude-code/issues/65463
  it("because another program has written it in the meantime keeps what that one wrote", () =>
    Effect.runPromise(Effect.scoped(Effect.gen(function*() {
      const world = yield* ConfigWorld.make
      const file = world.write("work/.mcp.json", config)
      const before = configFiles.read(file)
      const theirs = config.replace("\"x\"", "\"theirs\"")
      fs.writeFileSync(file, theirs)
      assert.throws(() => configFiles.write(file, "ours", before), /another program has changed it/)
      assert.throws(() => configFiles.write(file, "ours", undefined), /another program has changed it/)
      assert.strictEqual(fs.readFileSync(file, "utf8"), theirs)
      assert.deepStrictEqual(fs.readdirSync(world.directory), [".mcp.json"])
    }))))
})

describe("a config that is written", () => {
  it.effect("keeps its mode; a new one of the user's own is for the user alone", () =>
    Effect.gen(function*() {
      const world = yield* ConfigWorld.make
      const file = world.write("work/.mcp.json", config)
      fs.chmodSync(file, 0o640)
      yield* add(world, "b", ["npx", "-y", "b"], { env: ["A=1=2", "B=${B}"] })
      assert.strictEqual(fs.statSync(file).mode & 0o777, 0o640)
      world.said()
      yield* add(world, "key", ["x"], { env: ["API_KEY=s3cret"] })
      const said = world.said()
      assert.include(
        said,
        "API_KEY is in .mcp.json now, which others may read; a placeholder, ${API_KEY}, would keep it out"
      )
      assert.notInclude(said, "s3cret")
      yield* remove(world, "key")
      yield* add(world, "c", ["https://example.org/mcp"], { user: true, header: ["Authorization: Bearer ${T}"] })
      const users = path.join(world.home, ".config/holdfast/mcp.json")
      assert.strictEqual(fs.statSync(users).mode & 0o777, 0o600)
      assert.deepStrictEqual(JSON.parse(fs.readFileSync(users, "utf8")), {
        mcpServers: { c: { type: "http", url: "https://example.org/mcp", headers: { Authorization: "Bearer ${T}" } } }
      })
      assert.deepStrictEqual(JSON.parse(fs.readFileSync(file, "utf8")).mcpServers.b, {
        command: "npx",
        args: ["-y", "b"],
        env: { A: "1=2", B: "${B}" }
      })
      // https://github.com/anthropics/claude-code/issues/9906: what reads a byte order mark keeps it.
      fs.writeFileSync(file, `\uFEFF${config}`)
      yield* add(world, "b", ["x"])
      assert.match(fs.readFileSync(file, "utf8"), /^\uFEFF\{/)
      yield* remove(world, "b")
      assert.strictEqual(fs.readFileSync(file, "utf8"), `\uFEFF${config}`)
    }))

  // https://github.com/mcp-router/mcp-router/issues/61
  it.effect("has another server of the same name only if that is said", () =>
    Effect.gen(function*() {
      const world = yield* ConfigWorld.make
      const file = world.write(
        "work/.mcp.json",
        `{\n  // mine\n  "mcpServers": {\n    "a": { "command": "x" } // it\n  }\n}\n`
      )
      assert.match(yield* messageOf(add(world, "a", ["y"])), /there is a server a in \.mcp\.json already; --replace/)
      world.said()
      yield* add(world, "a", ["y"], { replace: true, json: true })
      const output = yield* Schema.decodeUnknownEffect(AddOutput.Output)(JSON.parse(world.said()))
      assert.deepStrictEqual(output, { file, server: "a", replaced: true })
      assert.strictEqual(
        fs.readFileSync(file, "utf8"),
        `{\n  // mine\n  "mcpServers": {\n    "a": {\n      "command": "y"\n    } // it\n  }\n}\n`
      )
    }))
})

describe("a config of Codex or Goose", () => {
  const toml = `# mine\nmodel = "m" # this one\n\n[mcp_servers.a]\ncommand = "x"\n`
  const yaml =
    `# mine\nGOOSE_MODEL: m\nextensions:\n  # all of them\n  a: # it\n    cmd: x\n    args:\n      - "1" # one\n\n# behind\nOTHER: 1\n`
  const cases = [["config.toml", toml], ["config.yaml", yaml]] as const

  it.effect("gets a server in its own words, and is as it was when that is removed", () =>
    Effect.gen(function*() {
      for (const [name, text] of cases) {
        const world = yield* ConfigWorld.make
        const file = world.write(`work/${name}`, text)
        const to = Option.some(name)
        yield* add(world, "b", ["npx", "-y", "b"], { to, env: ["A=1", "TOKEN=${TOKEN}"] })
        const read = () => fs.readFileSync(file, "utf8")
        for (const line of text.split("\n")) assert.include(read(), line)
        assert.match(yield* messageOf(add(world, "b", ["y"], { to })), /--replace puts/)
        yield* add(world, "b", ["y"], { to, replace: true })
        yield* remove(world, "b", { to })
        assert.strictEqual(read().trimEnd(), text.trimEnd())
        assert.match(yield* messageOf(remove(world, "b", { to })), /no server b in/)
      }
    }))

  it.effect("says what each of them calls it", () =>
    Effect.gen(function*() {
      const world = yield* ConfigWorld.make
      const codex = Option.some("config.toml")
      yield* add(world, "b", ["npx", "-y", "b"], { to: codex, env: ["A=1", "T=${T}"], cwd: Option.some("/w") })
      yield* add(world, "c", ["https://example.org/mcp"], { to: codex, header: ["X-A: 1", "Authorization: ${T}"] })
      assert.strictEqual(
        fs.readFileSync(path.join(world.directory, "config.toml"), "utf8"),
        `[mcp_servers.b]\ncommand = "npx"\nargs = ["-y","b"]\ncwd = "/w"\nenv_vars = ["T"]\n\n` +
          `[mcp_servers.b.env]\nA = "1"\n\n[mcp_servers.c]\nurl = "https://example.org/mcp"\n\n` +
          `[mcp_servers.c.http_headers]\nX-A = "1"\n\n[mcp_servers.c.env_http_headers]\nAuthorization = "T"\n`
      )
      const goose = Option.some("config.yaml")
      yield* add(world, "b", ["npx", "-y", "b: c"], { to: goose, env: ["A=1", "T=${T}"] })
      yield* add(world, "c", ["https://example.org/sse"], { to: goose, sse: true })
      assert.strictEqual(
        fs.readFileSync(path.join(world.directory, "config.yaml"), "utf8"),
        `extensions:\n  b:\n    enabled: true\n    name: b\n    timeout: 300\n    type: stdio\n    cmd: npx\n    args:\n` +
          `      - -y\n      - "b: c"\n    envs:\n      A: "1"\n    env_keys:\n      - T\n  c:\n    enabled: true\n    name: c\n` +
          `    timeout: 300\n    type: sse\n    uri: https://example.org/sse\n`
      )
      // Those that they write themselves, empty and not.
      for (const text of ["extensions: {}\n", "extensions:\n", "extensions:\n  {}\n", "# none\n", "A: 1"]) {
        const file = world.write("work/config.yaml", text)
        yield* add(world, "b", ["x"], { to: goose })
        yield* add(world, "c", ["x"], { to: goose })
        const found = yield* EditedFile.parse(file, fs.readFileSync(file, "utf8"), "yaml")
        assert.deepStrictEqual(Object.keys(Object(valueAt(found.value, ["extensions"]))), ["b", "c"], text)
      }
      const inOneLine = world.write("work/config.yaml", "extensions: { a: { cmd: x } }\n")
      assert.match(yield* messageOf(add(world, "b", ["x"], { to: goose })), /is a map in one line; write it in several/)
      assert.strictEqual(fs.readFileSync(inOneLine, "utf8"), "extensions: { a: { cmd: x } }\n")
    }))
})

describe("a server that is removed", () => {
  it.effect("is taken out of the nearest file that has it, and what counts then is said", () =>
    Effect.gen(function*() {
      const world = yield* ConfigWorld.make
      const near = world.write("work/.mcp.json", config)
      const far = world.write(".config/holdfast/mcp.json", config)
      yield* remove(world, "a")
      assert.strictEqual(fs.readFileSync(near, "utf8"), `{"mcpServers": {}}`)
      assert.include(world.said(), `${far} has it, too, and counts from now on`)
      yield* remove(world, "a", { json: true })
      const output = yield* Schema.decodeUnknownEffect(RemoveOutput.Output)(JSON.parse(world.said()))
      assert.deepStrictEqual(output, { file: far, server: "a", left: [] })
      assert.match(yield* messageOf(remove(world, "a")), /no server a in \.mcp\.json, /)
    }))
})

describe("what is written wrong on the command line", () => {
  it.effect("is said, and nothing is written; a secret is not repeated", () =>
    Effect.gen(function*() {
      const world = yield* ConfigWorld.make
      const wrong: ReadonlyArray<readonly [ReadonlyArray<string>, Partial<Add.AddInput>, RegExp]> = [
        [["x"], { env: ["s3cret"] }, /--env: NAME=value is expected$/],
        [["https://example.org"], { header: ["s3cret"] }, /--header: "Name: value" is expected$/],
        [["https://example.org"], { env: ["A=1"] }, /--env and --cwd are for a command/],
        [["x"], { sse: true }, /for a server behind a url/],
        [["http://"], {}, /is no url/],
        [["x"], { user: true, to: Option.some("y") }, /either --user or a file/],
        [["x"], { to: Option.some("other.toml") }, /no config of Codex's, such as ~\/\.codex\/config\.toml; name that/],
        [["x"], { to: Option.some("other.yml") }, /no config of Goose's, such as ~\/\.config\/goose/],
        [["https://example.org"], { to: Option.some("config.toml"), sse: true }, /Codex speaks no HTTP\+SSE/],
        [["x"], { to: Option.some("config.toml"), env: ["A=x${B}"] }, /give A its own variable, \$\{A\}/],
        [
          ["x"],
          { to: Option.some("config.yaml"), env: ["A=${B}"] },
          /Goose fills in no placeholders but a whole value/
        ],
        [["x"], { to: Option.some("config.yaml"), cwd: Option.some("/") }, /leave out --cwd/]
      ]
      for (const [words, options, message] of wrong) {
        assert.match(yield* messageOf(add(world, "a", words, options)), message)
      }
      assert.deepStrictEqual(fs.readdirSync(world.directory), [])
      assert.match(yield* messageOf(world.adopt("cursr")), /unknown program cursr; did you mean cursor\?/)
    }))
})

describe("adopting", () => {
  it.effect("says as JSON what became of each server", () =>
    Effect.gen(function*() {
      const world = yield* ConfigWorld.make
      const servers = {
        a: { command: "x" },
        b: { url: "https://example.org" },
        c: { command: "holdfast", args: ["wrap", "--", "y"] },
        d: { command: "~/bin/server" },
        // Taking out what was put in would not bring this back: the copy does.
        e: { command: "z", args: null }
      }
      const text = JSON.stringify({ mcpServers: servers })
      const file = world.write(".cursor/mcp.json", text)
      const said = () => Schema.decodeUnknownEffect(AdoptOutput.Output)(JSON.parse(world.said()))
      yield* world.adopt("cursor", { json: true })
      const [adopted] = (yield* said()).files
      assert.deepStrictEqual(adopted?.servers.map(({ server, state }) => [server, state]), [
        ["a", "adopted"],
        ["b", "left"],
        ["c", "already"],
        ["d", "left"],
        ["e", "adopted"]
      ])
      assert.strictEqual(fs.readFileSync(adopted?.copy ?? "", "utf8"), text)
      assert.strictEqual(fs.statSync(adopted?.copy ?? "").mode & 0o777, 0o600)
      yield* world.adopt("cursor", { json: true, undo: true })
      const [undone] = (yield* said()).files
      assert.deepStrictEqual([undone?.exact, undone?.servers], [true, [
        { server: "a", state: "restored" },
        { server: "e", state: "restored" }
      ]])
      // One that the user has put behind holdfast stays there.
      assert.strictEqual(fs.readFileSync(file, "utf8"), text)
    }))

  it.effect("leaves the files of a project alone unless they are meant", () =>
    Effect.gen(function*() {
      const world = yield* ConfigWorld.make
      const file = world.write("work/.cursor/mcp.json", config)
      yield* world.adopt("cursor")
      assert.strictEqual(fs.readFileSync(file, "utf8"), config)
      assert.include(world.said(), "Cursor has no config with servers here")
      yield* world.adopt("cursor", { project: true })
      assert.include(fs.readFileSync(file, "utf8"), "wrap")
    }))

  it.effect("needs a program that the host will find", () =>
    Effect.gen(function*() {
      const world = yield* ConfigWorld.make
      world.write(".cursor/mcp.json", config)
      const before = process.env["PATH"]
      process.env["PATH"] = world.home
      const message = yield* messageOf(world.adopt("cursor", { program: Option.none() }))
      world.write("holdfast", "")
      const found = yield* Effect.result(world.adopt("cursor", { program: Option.none() }))
      process.env["PATH"] = before
      assert.match(message, /no holdfast on the path/)
      assert.strictEqual(found._tag, "Success")
    }))
})
