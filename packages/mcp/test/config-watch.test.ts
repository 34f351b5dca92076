/** A config file that is followed, on a real file system, whatever is done to it. */
import { assert, describe, it } from "@effect/vitest"
import { ConfigInvalid, McpConnections, McpRuntimeError } from "@holdfast/mcp"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import type * as Scope from "effect/Scope"
import { TestClock } from "effect/testing"
import { EventEmitter } from "node:events"
import fs from "node:fs"
import { syncBuiltinESMExports } from "node:module"
import * as os from "node:os"
import * as path from "node:path"
import * as ConfigWatch from "../src/internal/config/ConfigWatch.ts"
import { eventually } from "./support/eventually.ts"
import { passing } from "./support/OpenHttp.ts"

const folderOf = Effect.acquireRelease(
  // Its own path has no link on it.
  Effect.sync(() => fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), "hf-test-watch-")))),
  (folder) => Effect.sync(() => fs.rmSync(folder, { recursive: true, force: true }))
)

const configOf = (...names: ReadonlyArray<string>): string =>
  JSON.stringify({ mcpServers: Object.fromEntries(names.map((name) => [name, { command: "nothing-is-started" }])) })

/** As editors do it. */
const replace = (file: string, text: string): void => {
  fs.writeFileSync(`${file}.new`, text)
  fs.renameSync(`${file}.new`, file)
}

interface Followed {
  readonly servers: () => string
  readonly lines: ReadonlyArray<string>
  readonly count: (words: string) => number
  /** How often another config was taken. */
  readonly taken: () => number
}

const follow = (file: string): Effect.Effect<Followed, unknown, Scope.Scope> =>
  Effect.gen(function*() {
    const lines: Array<string> = []
    const logger = Logger.layer([Logger.make(({ message }) => void lines.push(String(message)))])
    const context = yield* Layer.build(McpConnections.layerFile(file, { watch: true }).pipe(Layer.provide(logger)))
    const mcp = Context.get(context, McpConnections)
    let last = mcp.servers
    let taken = 0
    return {
      servers: () => mcp.servers.join(),
      lines,
      count: (words) => lines.filter((line) => line.includes(words)).length,
      taken: () => {
        if (mcp.servers !== last && mcp.servers.join() !== last.join()) taken++
        last = mcp.servers
        return taken
      }
    }
  })

/** Puts something in the place of the system's watchers. */
const withWatch = <A, E, R>(fake: (folder: string, onHint: () => void) => unknown, effect: Effect.Effect<A, E, R>) =>
  Effect.acquireUseRelease(
    Effect.sync(() => {
      const real = fs.watch
      // The runtime calls it with a folder, options and a listener.
      fs.watch = ((folder: string, _: object, onHint: () => void) => fake(folder, onHint)) as never
      syncBuiltinESMExports()
      return real
    }),
    () => effect,
    (real) =>
      Effect.sync(() => {
        fs.watch = real
        syncBuiltinESMExports()
      })
  )

const failing = (code: string) => () => {
  throw Object.assign(new Error(`${code}: no more of them`), { code })
}

/** Never says anything. */
const silent = () => Object.assign(new EventEmitter(), { close: () => {} })

describe("a config file is followed", () => {
  it.live("when it is written in place, replaced by a rename, cut and written again", () =>
    Effect.gen(function*() {
      const file = path.join(yield* folderOf, "mcp.json")
      fs.writeFileSync(file, configOf("one"))
      const { servers } = yield* follow(file)
      fs.writeFileSync(file, configOf("two"))
      yield* eventually("written in place", () => servers() === "two")
      replace(file, configOf("three"))
      yield* eventually("replaced", () => servers() === "three")
      // The watch is on the folder: the second one is seen as well.
      replace(file, configOf("four"))
      yield* eventually("replaced again", () => servers() === "four")
      fs.truncateSync(file, 0)
      fs.appendFileSync(file, configOf("five"))
      yield* eventually("cut and written again", () => servers() === "five")
    }))

  it.live("when it is removed and made again, which is told of once", () =>
    Effect.gen(function*() {
      const file = path.join(yield* folderOf, "mcp.json")
      fs.writeFileSync(file, configOf("one"))
      const { count, servers, taken } = yield* follow(file)
      fs.rmSync(file)
      yield* eventually("told", () => count("the config stays as it was") === 1)
      assert.strictEqual(count("there is no such file"), 1)
      assert.strictEqual(servers(), "one")
      fs.writeFileSync(file, configOf("two"))
      yield* eventually("taken", () => servers() === "two")
      assert.strictEqual(taken(), 1)
      assert.strictEqual(count("the config stays as it was"), 1)
    }))

  it.live("when its folder vanishes and another one takes its place", () =>
    Effect.gen(function*() {
      const folder = path.join(yield* folderOf, "app")
      const file = path.join(folder, "mcp.json")
      fs.mkdirSync(folder)
      fs.writeFileSync(file, configOf("one"))
      const { count, servers } = yield* follow(file)
      fs.rmSync(folder, { recursive: true })
      yield* eventually("told", () => count("there is no such file") === 1)
      fs.mkdirSync(folder)
      fs.writeFileSync(file, configOf("two"))
      yield* eventually("taken", () => servers() === "two")
      replace(file, configOf("three"))
      yield* eventually("and the new folder is watched", () => servers() === "three")
      fs.renameSync(folder, `${folder}.old`)
      fs.mkdirSync(folder)
      fs.writeFileSync(file, configOf("four"))
      yield* eventually("moved away", () => servers() === "four")
      replace(file, configOf("five"))
      yield* eventually("and watched", () => servers() === "five")
    }))

  it.live("through links: of the file, and of a folder on the way", () =>
    Effect.gen(function*() {
      const folder = yield* folderOf
      for (const name of ["dotfiles", "home", "releases/1", "releases/2"]) {
        fs.mkdirSync(path.join(folder, name), { recursive: true })
      }
      fs.writeFileSync(path.join(folder, "dotfiles/mcp.json"), configOf("one"))
      fs.symlinkSync("../dotfiles/mcp.json", path.join(folder, "home/mcp.json"))
      const linked = yield* follow(path.join(folder, "home/mcp.json"))
      replace(path.join(folder, "dotfiles/mcp.json"), configOf("two"))
      yield* eventually("the file that is meant", () => linked.servers() === "two")
      for (const release of ["1", "2"]) {
        fs.writeFileSync(path.join(folder, "releases", release, "mcp.json"), configOf(`release${release}`))
      }
      fs.symlinkSync("releases/1", path.join(folder, "current"))
      const current = yield* follow(path.join(folder, "current/mcp.json"))
      // It is being looked at from here on.
      replace(path.join(folder, "releases/1/mcp.json"), configOf("patched1"))
      yield* eventually("a change in it", () => current.servers() === "patched1")
      fs.symlinkSync("releases/2", path.join(folder, "next"))
      fs.renameSync(path.join(folder, "next"), path.join(folder, "current"))
      yield* eventually("the other release", () => current.servers() === "release2")
      replace(path.join(folder, "releases/2/mcp.json"), configOf("patched2"))
      yield* eventually("a change in that", () => current.servers() === "patched2")
    }))

  it.live("as a key of a ConfigMap: a link to ..data, which is pointed to another folder, with times that stay the same", () =>
    Effect.gen(function*() {
      const folder = yield* folderOf
      const version = (name: string, text: string): void => {
        fs.mkdirSync(path.join(folder, name))
        const file = path.join(folder, name, "mcp.json")
        fs.writeFileSync(file, text)
        fs.utimesSync(file, 1000, 1000)
        fs.symlinkSync(name, path.join(folder, "..data_tmp"))
        fs.renameSync(path.join(folder, "..data_tmp"), path.join(folder, "..data"))
      }
      version("..2026_01_01", configOf("one"))
      fs.symlinkSync("..data/mcp.json", path.join(folder, "mcp.json"))
      const { servers } = yield* follow(path.join(folder, "mcp.json"))
      for (const [last, next] of [["one", "two"], ["two", "six"], ["six", "ten"]] as const) {
        version(`..2026_01_${next}`, configOf(next))
        yield* eventually(`${next} after ${last}`, () => servers() === next)
        for (const name of fs.readdirSync(folder)) {
          if (name.startsWith("..2026") && !name.endsWith(next)) fs.rmSync(path.join(folder, name), { recursive: true })
        }
      }
    }))

  it.live("in a folder where something else changes all the time", () =>
    Effect.gen(function*() {
      const folder = yield* folderOf
      const file = path.join(folder, "mcp.json")
      fs.writeFileSync(file, configOf("one"))
      const { servers } = yield* follow(file)
      yield* Effect.forkScoped(Effect.forever(Effect.andThen(
        Effect.sync(() => fs.appendFileSync(path.join(folder, "log"), "a line\n")),
        Effect.sleep("5 millis")
      )))
      yield* Effect.sleep("50 millis")
      fs.writeFileSync(file, configOf("two"))
      yield* eventually("taken", () => servers() === "two")
    }))
})

describe("what is no config", () => {
  it.effect("is not told of if it is written to its end soon, and once if it stays", () =>
    Effect.gen(function*() {
      const file = path.join(yield* folderOf, "mcp.json")
      fs.writeFileSync(file, "[1]")
      const lines: Array<string> = []
      const logger = Logger.layer([Logger.make(({ message }) => void lines.push(String(message)))])
      const taken: Array<unknown> = []
      let faults = 0
      const load = Effect.suspend(() => {
        const text = fs.readFileSync(file, "utf8")
        return Effect.try({
          try: (): unknown => JSON.parse(text),
          catch: () => {
            faults++
            const reason = new ConfigInvalid({ file, path: "", expected: "JSON", actual: text })
            return new McpRuntimeError({ reason })
          }
        })
      })
      const take = (config: unknown) => Effect.sync(() => void taken.push(config))
      yield* Effect.provide(ConfigWatch.follow({ file, path: file, seen: "[1]", load, take }), logger)
      const told = () => lines.filter((line) => line.includes("the config stays as it was")).length
      // Time goes by only as long as something is waited for.
      fs.writeFileSync(file, "[2")
      yield* passing("50 millis", "it was read in the middle", () => faults === 1)
      fs.writeFileSync(file, "[2]")
      yield* passing("50 millis", "taken", () => taken.length === 1)
      assert.strictEqual(told(), 0)
      fs.writeFileSync(file, "[3")
      yield* passing("50 millis", "told", () => told() === 1)
      const before = faults
      yield* TestClock.adjust("1 hour")
      fs.writeFileSync(file, "[3 ")
      // Steps are shorter than the patience with a file that is being written.
      yield* passing("50 millis", "read once more", () => faults > before)
      fs.writeFileSync(file, "[3]")
      yield* passing("50 millis", "taken", () => taken.length === 2)
      assert.strictEqual(told(), 1)
      assert.deepStrictEqual(taken, [[2], [3]])
    }))

  it.live("is another config when it is corrected, and none when it is put back as it was", () =>
    Effect.gen(function*() {
      const file = path.join(yield* folderOf, "mcp.json")
      fs.writeFileSync(file, configOf("one"))
      const { count, servers, taken } = yield* follow(file)
      fs.writeFileSync(file, "{ \"mcpServers\": 5 }")
      yield* eventually("told", () => count("the config stays as it was") === 1)
      fs.writeFileSync(file, configOf("one"))
      fs.writeFileSync(file, "[]")
      yield* eventually("the next fault is told", () => count("the config stays as it was") === 2)
      fs.writeFileSync(file, configOf("two"))
      yield* eventually("taken", () => servers() === "two")
      assert.strictEqual(taken(), 1)
    }))
})

describe("where nothing tells of changes", () => {
  for (const [code, advice] of [["ENOSPC", "fs.inotify.max_user_watches"], ["EMFILE", "ulimit -n"]] as const) {
    it.live(`because the system has no watcher left (${code}), it is said once why and what to do, and the file is looked at`, () =>
      Effect.gen(function*() {
        const file = path.join(yield* folderOf, "mcp.json")
        fs.writeFileSync(file, configOf("one"))
        const { count, lines, servers } = yield* withWatch(
          failing(code),
          Effect.gen(function*() {
            const followed = yield* follow(file)
            yield* eventually("told", () => followed.count("cannot be watched") === 1)
            replace(file, configOf("two"))
            yield* eventually("taken", () => followed.servers() === "two")
            replace(file, configOf("three"))
            yield* eventually("taken again", () => followed.servers() === "three")
            return followed
          })
        )
        assert.strictEqual(count("cannot be watched"), 1)
        assert.match(lines.find((line) => line.includes("cannot be watched")) ?? "", new RegExp(`${code}.*${advice}`))
        // The system has room again.
        yield* eventually("that is said, too", () => count("its changes are watched again") === 1)
        replace(file, configOf("four"))
        yield* eventually("taken", () => servers() === "four")
      }))
  }

  it.live("any more, because a watcher has failed, another one is begun", () =>
    Effect.gen(function*() {
      const file = path.join(yield* folderOf, "mcp.json")
      fs.writeFileSync(file, configOf("one"))
      const watchers: Array<EventEmitter> = []
      let closed = 0
      yield* withWatch(
        (_, onHint) => {
          const watcher = Object.assign(new EventEmitter(), { close: () => closed++ })
          watcher.on("hint", onHint)
          watchers.push(watcher)
          return watcher
        },
        Effect.gen(function*() {
          const { servers } = yield* follow(file)
          yield* eventually("watched", () => watchers.length === 1)
          watchers[0]?.emit("error", Object.assign(new Error("EPERM"), { code: "EPERM" }))
          yield* eventually("watched again", () => watchers.length === 2)
          assert.strictEqual(closed, 1)
          fs.writeFileSync(file, configOf("two"))
          watchers[1]?.emit("hint")
          yield* eventually("taken", () => servers() === "two")
        }).pipe(Effect.scoped)
      )
      assert.strictEqual(closed, 2)
    }))

  it.effect("as on a network's file system, a change is taken within ten seconds", () =>
    Effect.gen(function*() {
      const file = path.join(yield* folderOf, "mcp.json")
      fs.writeFileSync(file, configOf("one"))
      yield* withWatch(
        silent,
        Effect.gen(function*() {
          const { count, servers } = yield* follow(file)
          for (const name of ["two", "three"]) {
            replace(file, configOf(name))
            yield* passing("1 second", `${name} is taken`, () => servers() === name)
          }
          assert.strictEqual(count("watched"), 0)
        })
      )
    }))
})

describe("following a file", () => {
  it.live("begins with what has changed since the config was read", () =>
    Effect.gen(function*() {
      const file = path.join(yield* folderOf, "mcp.json")
      fs.writeFileSync(file, "second")
      const taken: Array<string> = []
      yield* ConfigWatch.follow({
        file,
        path: file,
        seen: "first",
        load: Effect.sync(() => fs.readFileSync(file, "utf8")),
        take: (text) => Effect.sync(() => void taken.push(text))
      })
      yield* eventually("taken", () => taken.join() === "second")
    }))

  it.live("goes on after a change that could not be taken", () =>
    Effect.gen(function*() {
      const file = path.join(yield* folderOf, "mcp.json")
      fs.writeFileSync(file, "first")
      const taken: Array<string> = []
      const lines: Array<string> = []
      const logger = Logger.layer([Logger.make(({ message }) => void lines.push(String(message)))])
      yield* Effect.provide(
        ConfigWatch.follow({
          file,
          path: file,
          seen: "first",
          load: Effect.sync(() => fs.readFileSync(file, "utf8")),
          take: (text) => text === "bad" ? Effect.die(new Error("a bug")) : Effect.sync(() => void taken.push(text))
        }),
        logger
      )
      fs.writeFileSync(file, "bad")
      yield* eventually("told", () => lines.some((line) => line.includes("could not be taken")))
      fs.writeFileSync(file, "good")
      yield* eventually("taken", () => taken.join() === "good")
    }))
})
