/**
 * The contract with scripts: what is on which stream, what the exit code says, and how the program ends.
 */
import { assert, describe, it } from "@effect/vitest"
import * as fs from "node:fs"
import * as path from "node:path"
import { finish, makeDirectory, run, runInto, spy, start } from "./support/Cli.ts"

const scripted = path.resolve(import.meta.dirname, "../../../packages/mcp/test/support/scripted-server.ts")

/** A directory with one server, `spy`, whose faults are ordered by tool; what it received is in the file `log`. */
const withSpy = (env: Record<string, string> = {}) => {
  const directory = makeDirectory()
  const log = path.join(directory.path, "log")
  const spy = { command: process.execPath, args: [scripted], env: { SPY_LOG: log, ...env } }
  fs.writeFileSync(path.join(directory.path, ".mcp.json"), JSON.stringify({ mcpServers: { spy } }))
  return {
    path: directory.path,
    received: (): ReadonlyArray<{ readonly pid: number; readonly method: string; readonly name?: string }> =>
      fs.existsSync(log) ? fs.readFileSync(log, "utf8").split("\n").slice(0, -1).map((line) => JSON.parse(line)) : [],
    [Symbol.dispose]: () => directory[Symbol.dispose]()
  }
}

/** A device that is always full. */
const hasFullDevice = process.platform === "linux"

const until = async (condition: () => boolean): Promise<void> => {
  for (let tries = 0; !condition(); tries++) {
    if (tries > 12_000) throw new Error("what the test waits for did not happen within minutes")
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

describe("stdout", () => {
  it("has the tool's text byte for byte when it is no terminal", async () => {
    using spy = withSpy()
    const ran = await run(spy.path, ["call", "spy.escapes"])
    assert.deepStrictEqual(ran, { code: 0, stdout: "\u001b]0;owned\u0007plain\u001b[2J\n", stderr: "" })
  })

  it("has structured content where a tool gives no text, and names an image there and on stderr", async () => {
    using spy = withSpy()
    const structured = await run(spy.path, ["call", "spy.structured"])
    assert.deepStrictEqual(JSON.parse(structured.stdout), { answer: 42 })
    const picture = await run(spy.path, ["call", "spy.picture"])
    assert.deepStrictEqual([picture.code, picture.stdout], [0, "[image/png, 5 bytes]\n"])
    assert.include(picture.stderr, "named only: [image/png, 5 bytes]; -o FILE writes it, --json has everything")
  })

  it("stays empty for everything that is no result", async () => {
    using spy = withSpy()
    const cases: ReadonlyArray<readonly [code: number, args: ReadonlyArray<string>]> = [
      [1, ["call", "spy.fails"]],
      [2, []],
      [2, ["cal"]],
      [2, ["call"]],
      [2, ["call", "spy"]],
      [2, ["call", "spy", "message=x"]],
      [2, ["call", "spy", "echo", "--no-such-flag"]],
      [2, ["call", "spy", "echo", "message=x", "--deadline", "soon"]],
      [2, ["tools", "spy.ecko"]],
      [3, ["tools", "--config", "none.json"]],
      [7, ["call", "spy.rpc_error"]],
      [7, ["call", "spy.nonsense"]]
    ]
    for (const [code, args] of cases) {
      const ran = await run(spy.path, args)
      assert.deepStrictEqual([ran.code, ran.stdout], [code, ""], args.join(" "))
      assert.notStrictEqual(ran.stderr, "", args.join(" "))
    }
  })

  it("has help and the version when they are asked for", async () => {
    using directory = makeDirectory()
    const help = await run(directory.path, ["call", "--help"])
    assert.deepStrictEqual([help.code, help.stderr], [0, ""])
    assert.include(help.stdout, "--idempotent")
    assert.notInclude(help.stdout, "\u001b")
    const version = await run(directory.path, ["--version"])
    assert.match(version.stdout, /^\d+\.\d+\.\d+\n$/)
  })

  it.runIf(hasFullDevice)(
    "that cannot be written is a failure with a code of its own, whatever was to be written",
    async () => {
      using spy = withSpy()
      const cases: ReadonlyArray<ReadonlyArray<string>> = [["call", "spy.echo", "message=hi"], ["tools"], ["--help"]]
      for (const args of cases) {
        const ran = await runInto("/dev/full", spy.path, args)
        assert.strictEqual(ran.code, 74, args.join(" "))
        assert.include(ran.stderr, "cannot be written: no space left on device (ENOSPC)", args.join(" "))
      }
      const ran = await runInto("/dev/full", spy.path, ["call", "spy.echo", "message=hi", "--json"])
      assert.strictEqual(JSON.parse(ran.stderr).error.reason, "OutputUnwritable")
      assert.strictEqual(spy.received().filter(({ name }) => name === "echo").length, 2)
    }
  )

  it("that can be written in part only is a failure too", async () => {
    // This server writes no file of its own, which the limit would forbid as well.
    using directory = makeDirectory({ mcpServers: { spy: spy("polite") } })
    const file = path.join(directory.path, "out")
    // A block of 512 or 1024 bytes, as the shell counts: less than the answer.
    const long = ["call", "spy.echo", "text=0123456789", "times=500"]
    const ran = await runInto(file, directory.path, long, "ulimit -f 1; ")
    assert.strictEqual(ran.code, 74)
    assert.include(ran.stderr, "spy.echo has run, but its result cannot be written: file too large (EFBIG)")
    assert.isAbove(fs.statSync(file).size, 0)
    assert.isBelow(fs.statSync(file).size, 5000)
    assert.strictEqual((await runInto(file, directory.path, long)).code, 0)
    assert.strictEqual(fs.statSync(file).size, 5001)
  })

  it("may be closed by its reader without a complaint", async () => {
    using spy = withSpy()
    const child = start(spy.path, ["tools"])
    child.stdout?.destroy()
    const ran = await finish(child)
    assert.deepStrictEqual([ran.code, ran.stderr], [0, ""])
  })
})

describe("stderr", () => {
  it("has what the runtime says of a server's connection only for who asks for it", async () => {
    using spy = withSpy()
    const plain = await run(spy.path, ["call", "spy.die"])
    assert.notInclude(plain.stderr, "warn")
    const asked = await run(spy.path, ["call", "spy.die", "--log-level", "debug"])
    assert.match(asked.stderr, /^holdfast: debug: spy/m)
  })

  it.runIf(hasFullDevice)("may be unwritable: the exit code still says what happened", async () => {
    using spy = withSpy()
    assert.strictEqual((await runInto("/dev/full", spy.path, ["call", "spy.fails"], "", "2>")).code, 1)
  })
})

describe("--json", () => {
  it("names each argument that does not fit", async () => {
    using spy = withSpy()
    const ran = await run(spy.path, ["call", "spy", "typed", "text=a", "count=two", "cuont=1", "--json"])
    const { error } = JSON.parse(ran.stderr)
    assert.deepStrictEqual(error.problems, [
      { path: "cuont", problem: "is no argument; did you mean count?" },
      { path: "count", problem: "must be an integer, was \"two\"" }
    ])
    assert.include(error.message, "cuont: is no argument; did you mean count?; count: must be an integer, was \"two\"")
  })

  it("makes every failure one line of JSON on stderr", async () => {
    using spy = withSpy()
    const cases: ReadonlyArray<readonly [reason: string, args: ReadonlyArray<string>]> = [
      ["UnknownServer", ["call", "spi.echo"]],
      ["UnknownTool", ["call", "spy.ecko"]],
      ["BadArguments", ["call", "spy.echo"]],
      ["OutcomeUnknown", ["call", "spy.die"]],
      ["ConfigInvalid", ["tools", "-c", "none.json"]],
      ["Usage", ["cal"]]
    ]
    for (const [reason, args] of cases) {
      const ran = await run(spy.path, [...args, "--json"])
      const { error } = JSON.parse(ran.stderr)
      assert.strictEqual(error.reason, reason)
      assert.isAbove(error.message.length, 0)
    }
  })

  it("gives an isError result as a result, and still exits with 1", async () => {
    using spy = withSpy()
    const ran = await run(spy.path, ["call", "spy.fails", "--json"])
    assert.deepStrictEqual([ran.code, ran.stderr], [1, ""])
    assert.isTrue(JSON.parse(ran.stdout).isError)
  })
})

describe("a call", () => {
  it("with bad arguments is never sent; --unchecked sends it as it is, without asking for tools", async () => {
    using spy = withSpy()
    await run(spy.path, ["call", "spy", "typed", "count=two"])
    assert.notInclude(spy.received().map(({ method }) => method), "tools/call")
    using unchecked = withSpy()
    const ran = await run(unchecked.path, ["call", "spy", "typed", "count=two", "--unchecked"])
    assert.strictEqual(ran.stdout, "{\"count\":\"two\"}\n")
    assert.notInclude(unchecked.received().map(({ method }) => method), "tools/list")
  })

  it("that is lost is repeated only if the tool or --idempotent says that this is harmless", async () => {
    using once = withSpy({ SPY_ONCE: "once" })
    const hinted = await run(once.path, ["call", "spy.read_die"])
    assert.deepStrictEqual([hinted.code, hinted.stdout], [0, "survived\n"])
    using spy = withSpy()
    const plain = await run(spy.path, ["call", "spy.die"])
    assert.strictEqual(plain.code, 6)
    assert.strictEqual(spy.received().filter(({ name }) => name === "die").length, 1)
    const said = await run(spy.path, ["call", "spy.die", "--idempotent"])
    assert.strictEqual(said.code, 6)
    assert.isAbove(spy.received().filter(({ name }) => name === "die").length, 2)
  })

  it("that is stopped by a signal is cancelled at the server, which is gone when the program is", async () => {
    using spy = withSpy()
    const child = start(spy.path, ["call", "spy.silent"])
    const ended = finish(child)
    await until(() => spy.received().some(({ name }) => name === "silent"))
    child.kill("SIGTERM")
    assert.strictEqual((await ended).code, 130)
    const received = spy.received()
    assert.include(received.map(({ method }) => method), "notifications/cancelled")
    assert.isFalse(fs.existsSync(`/proc/${received[0]?.pid}`))
  })
})
