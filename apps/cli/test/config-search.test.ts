/** Which config counts, as the whole program, the hot path and the shim find it. Whole processes: `config-search.long.test.ts`. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import * as ConfigPlaces from "../src/ConfigPlaces.ts"
import * as ConfigSearch from "../src/ConfigSearch.ts"
import * as PlainConfig from "../src/hot/PlainConfig.ts"
import * as connectFile from "../src/internal/connectFile.ts"
import * as ServerWord from "../src/ServerWord.ts"
import * as FakeShell from "./support/FakeShell.ts"

/** A repository with a folder in it, and a user whose home and state this process takes for its own. */
const world = Effect.acquireRelease(
  Effect.sync(() => {
    const root = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), "hfs-")))
    const folder = path.join(root, "repository", "a")
    fs.mkdirSync(path.join(root, "repository", ".git"), { recursive: true })
    fs.mkdirSync(folder)
    const before = ["HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"].map((name) => [name, process.env[name]] as const)
    process.env["HOME"] = root
    process.env["XDG_STATE_HOME"] = path.join(root, "state")
    delete process.env["XDG_CONFIG_HOME"]
    const write = (file: string, content: object | string): string => {
      const absolute = path.resolve(folder, file)
      fs.mkdirSync(path.dirname(absolute), { recursive: true })
      fs.writeFileSync(absolute, typeof content === "string" ? content : JSON.stringify({ mcpServers: content }))
      return absolute
    }
    const shell = FakeShell.make({ directory: folder })
    return { root, folder, before, write, search: Effect.provide(ConfigSearch.search(Option.none()), shell.layer) }
  }),
  ({ before, root }) =>
    Effect.sync(() => {
      for (const [name, value] of before) {
        if (value === undefined) delete process.env[name]
        else process.env[name] = value
      }
      fs.rmSync(root, { recursive: true })
    })
)

const user = "../../.config/holdfast/mcp.json"

describe("the search for configs", () => {
  it.effect("says of every place what became of it, and of every server which file counts and which do not", () =>
    Effect.gen(function*() {
      const { folder, search, write } = yield* world
      const near = write(".mcp.json", { one: { command: "near" } })
      const second = write("mcp.json", { one: { command: "second" }, two: { command: "second", disabled: true } })
      const above = write("../.mcp.json", { three: { command: "above" } })
      write("../../.mcp.json", { outside: { command: "outside" } })
      const own = write(user, { one: { command: "user" }, two: { command: "user" }, three: { command: "user" } })
      const before = yield* search
      assert.deepStrictEqual(
        before.places.filter(({ outcome }) => outcome._tag !== "Absent").map(({ outcome, scope, shown }) => [
          shown,
          scope,
          outcome._tag
        ]),
        [
          [".mcp.json", "directory", "Read"],
          ["mcp.json", "directory", "Read"],
          ["../.mcp.json", "repository", "Untrusted"],
          [own, "user", "Read"]
        ]
      )
      assert.strictEqual(before.places.length, 9)
      assert.strictEqual(before.repository, path.dirname(folder))
      assert.strictEqual(before.config.origins.get("three")?.file, own)
      ConfigPlaces.trust(above)
      const { config } = yield* search
      assert.deepStrictEqual(config.origins.get("one"), { file: near, shown: ".mcp.json", hidden: [second, own] })
      assert.deepStrictEqual([...config.switchedOff], ["two"])
      assert.deepStrictEqual([...config.servers.keys()], ["one", "three"])
      assert.deepStrictEqual(config.origins.get("three"), { file: above, shown: "../.mcp.json", hidden: [own] })
      fs.appendFileSync(above, " ")
      const changed = (yield* search).places.find(({ file }) => file === above)
      assert.deepStrictEqual(changed?.outcome, { _tag: "Untrusted", isChanged: true })
    }))

  it.effect("ends at a file that cannot be read", () =>
    Effect.gen(function*() {
      const { search, write } = yield* world
      write(".mcp.json", { one: { command: "near" } })
      write("mcp.json", "{")
      write(user, { two: { command: "user" } })
      const { config, places } = yield* search
      assert.deepStrictEqual([...config.origins.keys()], ["one"])
      assert.strictEqual(config.fault?.reason._tag, "ConfigInvalid")
      assert.strictEqual(places.at(-1)?.outcome._tag, "Behind")
    }))

  it.effect("looks at no folder above a directory that is in no repository", () =>
    Effect.gen(function*() {
      const { folder, search, write } = yield* world
      fs.rmdirSync(path.join(folder, "../.git"))
      write("../.mcp.json", { one: { command: "x" } })
      const { places, repository } = yield* search
      assert.deepStrictEqual([places.length, repository], [5, undefined])
    }))

  it.effect("finds the same server for the hot path and the shim, or leaves it to the whole program", () =>
    Effect.gen(function*() {
      const { folder, search, write } = yield* world
      write(".mcp.json", { x: { command: "x of near" } })
      write("mcp.json", { "x.y": { command: "x.y" }, "two": { command: "two" } })
      const above = write("../mcp.json", { two: { command: "above" }, three: { command: "above" } })
      write(user, { three: { command: "user" }, four: { command: "user" } })
      ConfigPlaces.trust(above)
      const { config } = yield* search
      const files = ConfigPlaces.found({ directory: folder }).map(({ file, needsTrust }) => ({
        file,
        read: () => fs.readFileSync(file, "utf8"),
        isTrusted: () => !needsTrust || ConfigPlaces.trustOf(file) === "trusted"
      }))
      const hot: Array<string> = []
      for (const words of [["x", "t"], ["x.t"], ["x.y.t"], ["two.t"], ["three", "t"], ["four.t"], ["five.t"]]) {
        const plain = PlainConfig.findIn(files, words)
        if (plain === undefined) continue
        hot.push(words.join(" "))
        const { server } = yield* Effect.fromResult(ServerWord.split(words[0] ?? "", config))
        const whole = config.servers.get(server)?.endpoint
        assert.deepInclude(whole, { command: plain.command, cwd: plain.cwd }, words.join(" "))
      }
      // Of the third the nearest file has a shorter name, and another one the longer.
      assert.deepStrictEqual(hot, ["x t", "x.t", "two.t", "three t", "four.t"])
      for (const name of ["x", "x.y", "two", "three", "four"]) {
        const { file } = yield* Effect.promise(() => connectFile.choose(name, folder))
        assert.strictEqual(file, config.origins.get(name)?.file, name)
      }
    }))

  it.effect("leaves a call to the whole program where a file that is not trusted is nearer", () =>
    Effect.gen(function*() {
      const { folder, write } = yield* world
      write("../mcp.json", { two: { command: "above" } })
      write(user, { four: { command: "user" } })
      const files = ConfigPlaces.found({ directory: folder }).map(({ file, needsTrust }) => ({
        file,
        read: () => fs.readFileSync(file, "utf8"),
        isTrusted: () => !needsTrust
      }))
      assert.isUndefined(PlainConfig.findIn(files, ["two", "t"]))
      assert.isUndefined(PlainConfig.findIn(files, ["four", "t"]))
      assert.strictEqual(PlainConfig.findIn(files.slice(1), ["four", "t"])?.command, "user")
      const { file, untrusted } = yield* Effect.promise(() => connectFile.choose("two", folder))
      assert.deepStrictEqual([file, untrusted.length], [path.resolve(folder, user), 1])
    }))
})
