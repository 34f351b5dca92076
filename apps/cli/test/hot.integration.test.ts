import { assert, describe, it } from "@effect/vitest"
import { spawn } from "node:child_process"
import * as fs from "node:fs"
import * as net from "node:net"
import * as path from "node:path"
import { finish, type Ran, start } from "./support/Cli.ts"
import * as DaemonWorld from "./support/DaemonWorld.ts"
import { program, source } from "./support/program.ts"

const { isAlive, until } = DaemonWorld

/** Uptimes differ from run to run. */
const withoutTimes = ({ code, stderr, stdout }: Ran) => ({
  code,
  stdout,
  stderr: stderr.replaceAll(/[\d.]+ m?s\b/g, "…")
})

/** Which modules are loaded can be seen of a program in files, and not of an executable that holds them all. */
const isInFiles = program.length > 1

/** Starts it, and tells which modules it has loaded. */
const watched = (world: DaemonWorld.DaemonWorld, ...words: ReadonlyArray<string>) => {
  const file = path.join(fs.mkdtempSync(path.join(world.directory, "loaded-")), "urls")
  const hook = `import { registerHooks } from "node:module"; import { appendFileSync } from "node:fs";
    const file = ${JSON.stringify(file)};
    registerHooks({ load(url, context, next) { appendFileSync(file, url + "\\n"); return next(url, context) } })`
  const NODE_OPTIONS = `--import=data:text/javascript,${encodeURIComponent(hook)}`
  const child = spawn(process.execPath, [source, ...words], {
    cwd: world.directory,
    env: { ...process.env, ...world.environment, NODE_OPTIONS }
  })
  return {
    child,
    ended: finish(child),
    loadsWhole: (): boolean => fs.existsSync(file) && fs.readFileSync(file, "utf8").includes("/node_modules/")
  }
}

/** True at one of so many tries. */
const eventually = async (attempt: () => Promise<boolean>): Promise<void> => {
  for (let tries = 0; tries < 10; tries++) if (await attempt()) return
  assert.fail("not once")
}

describe("a call through a daemon that runs", () => {
  it.runIf(isInFiles)(
    "is a bare client of its socket: neither Effect nor a validator is loaded; nor are they for the version",
    async () => {
      await using world = DaemonWorld.make()
      const first = watched(world, "call", "spy.echo", "text=a")
      assert.deepStrictEqual(await first.ended, { code: 0, stdout: "a\n", stderr: "" })
      assert.isTrue(first.loadsWhole())
      // A daemon that is slow to answer leaves it to the whole program, which is no news on a busy machine.
      await eventually(async () => {
        const words = ["call", "-c", ".mcp.json", "spy", "echo", "text=ab", "times:=2", "--json"]
        const second = watched(world, ...words)
        assert.deepStrictEqual(JSON.parse((await second.ended).stdout).content, [{ type: "text", text: "abab" }])
        return !second.loadsWhole()
      })
      const version = watched(world, "--version")
      assert.match((await version.ended).stdout, /^\d+\.\d+\.\d+\n$/)
      assert.isFalse(version.loadsWhole())
      assert.lengthOf(world.servers(), 1)
    }
  )

  it("has all said before it hears a word: one round trip", async () => {
    await using world = DaemonWorld.make()
    const directory = path.join(world.directory, "holdfast")
    fs.mkdirSync(directory, { mode: 0o700 })
    fs.writeFileSync(path.join(directory, "token"), "secret\n", { mode: 0o600 })
    const heard: Array<Record<string, unknown>> = []
    const server = net.createServer((socket) => {
      let said = ""
      socket.setEncoding("utf8").on("data", (text: string) => {
        said += text
        const lines = said.split("\n")
        // A client that waits for the first answer waits for ever.
        if (lines.length < 3) return
        heard.push(...lines.slice(0, -1).map((line) => JSON.parse(line)))
        const answer = { jsonrpc: "2.0", id: heard[1]?.["id"], result: { content: [{ type: "text", text: "b" }] } }
        socket.write(`{"holdfast":1,"version":"0.0.0","pid":1,"calls":true}\n${JSON.stringify(answer)}\n`)
      })
    })
    await new Promise<void>((resolve) => server.listen(path.join(directory, "daemon.sock"), resolve))
    try {
      const ran = await world.run("call", "spy.echo", "text=a", "times:=2", "--args", "{\"n\":1}")
      assert.deepStrictEqual(ran, { code: 0, stdout: "b\n", stderr: "" })
      assert.deepInclude(heard[0], { holdfast: 1, token: "secret", use: "once" })
      assert.deepInclude(heard[1]?.["params"], {
        tool: "echo",
        objects: ["{\"n\":1}"],
        words: [["text", "text", "a"], ["json", "times", "2"]]
      })
      assert.lengthOf(heard, 2)
    } finally {
      server.close()
    }
  })

  it("says and does what the whole program says and does", async () => {
    await using world = DaemonWorld.make()
    fs.writeFileSync(path.join(world.directory, "text"), "from a file")
    await world.run("call", "spy.echo", "text=a")
    const calls: ReadonlyArray<ReadonlyArray<string>> = [
      ["spy.echo", "text=@text", "times=2"],
      ["spy", "echo", "--args", "{\"text\":\"7\"}", "--json"],
      ["spy.fail"],
      ["spy.fail", "--json"],
      ["spy.either", "id=7"],
      ["spy.echo", "txt=1"],
      ["spy.echo", "text=@none"],
      ["spy.ecko"],
      ["spi.echo"],
      ["spy.die"]
    ]
    for (const words of calls) {
      // A word that only the whole program knows, and that changes nothing.
      const whole = world.run("call", ...words, "--log-level", "warn")
      const [hot, other] = words.includes("spy.die")
        ? [await world.run("call", ...words), await whole]
        : await Promise.all([world.run("call", ...words), whole])
      assert.deepStrictEqual(withoutTimes(hot), withoutTimes(other), words.join(" "))
    }
    const count = (call: string): number => world.record().filter((line) => line.startsWith(`call ${call}`)).length
    assert.deepStrictEqual([count("echo"), count("fail"), count("either"), count("die")], [5, 4, 2, 2])
  })

  it("that is lost with its server or its daemon is told of by the whole program, and is not sent again", async () => {
    await using world = DaemonWorld.make()
    await world.run("call", "spy.echo", "text=a")
    for (const victims of [world.servers, world.daemons]) {
      const before = world.record().length
      const ended = world.run("call", "spy.never")
      await until(() => world.record().slice(before).includes("call never undefined"))
      process.kill(victims().at(-1) ?? 0, "SIGKILL")
      const { code, stderr } = await ended
      assert.strictEqual(code, 6)
      assert.match(stderr, /^holdfast: spy: tools\/call may have run: /)
    }
    assert.lengthOf(world.record().filter((line) => line.startsWith("call never")), 2)
  })

  it("that is stopped by a signal exits with 130, and is cancelled at its server", async () => {
    await using world = DaemonWorld.make()
    await world.run("call", "spy.echo", "text=a")
    const child = start(world.directory, ["call", "spy.never"], world.environment)
    const ended = finish(child)
    await until(() => world.record().includes("call never undefined"))
    child.kill("SIGTERM")
    assert.strictEqual((await ended).code, 130)
    await until(() => world.record().includes("cancelled"))
    assert.isTrue(world.servers().every(isAlive))
  })
})

describe("the tools of a server that the daemon has", () => {
  it.runIf(isInFiles)(
    "are told as the whole program tells them, by a bare client of its socket, and are known to a shell from then on",
    async () => {
      await using world = DaemonWorld.make()
      const cold = watched(world, "tools")
      assert.strictEqual((await cold.ended).code, 0)
      assert.isTrue(cold.loadsWhole())
      const lists: ReadonlyArray<ReadonlyArray<string>> = [
        ["tools"],
        ["tools", "spy", "--json"],
        ["tools", "-c", ".mcp.json", "spy.echo"],
        ["tools", "spy.echo", "--json"]
      ]
      for (const words of lists) {
        const whole = await world.runCheaply(...words, "--log-level", "warn")
        // A daemon that is slow to answer leaves it to the whole program, which is no news on a busy machine.
        await eventually(async () => {
          const hot = watched(world, ...words)
          assert.deepStrictEqual(await hot.ended, whole, words.join(" "))
          return !hot.loadsWhole()
        })
      }
      const unknown = await world.run("tools", "spy.ecko")
      assert.deepStrictEqual([unknown.code, unknown.stdout], [2, ""])
      assert.match(unknown.stderr, /did you mean echo\?/)
      assert.lengthOf(world.servers(), 1)
      const completed = await world.run("__complete", "call", "spy.echo", "")
      assert.strictEqual(completed.stdout, "text=\ntimes=\n")
    }
  )
})
