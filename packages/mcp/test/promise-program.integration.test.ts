/** The entry for programs without Effect: what its users see. */
import * as McpPromise from "@holdfast/mcp/promise"
import { execFile } from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { promisify } from "node:util"
import { assert, describe, it, vi } from "vitest"

const support = path.join(import.meta.dirname, "support")
const scripted = path.join(support, "scripted-server.ts")
const config = { mcpServers: { s: { command: process.execPath, args: [scripted] } } }

const isAlive = (pid: string): boolean => {
  try {
    return !fs.readFileSync(`/proc/${pid}/stat`, "latin1").includes(") Z ")
  } catch {
    // There is no such process.
    return false
  }
}

/** Runs the program to its own end, and returns what it printed. */
const run = async (mode: string): Promise<string> => {
  const program = path.join(support, "promise-program.ts")
  const { stdout } = await promisify(execFile)(process.execPath, [program, mode, scripted])
  return stdout.trim()
}

const gone = async (pid: string): Promise<void> => {
  while (isAlive(pid)) await new Promise((resolve) => setTimeout(resolve, 5))
}

describe("openMcp", () => {
  it("lists tools, calls them, tells progress, and returns a tool's own failure as an answer", async () => {
    await using mcp = await McpPromise.openMcp(config)
    const { tools, unavailable } = await mcp.tools({ within: "2 minutes" })
    assert.isEmpty(unavailable)
    const echo = tools.find(({ name }) => name === "s__echo")
    assert.deepInclude(echo, { server: "s", description: "Says it again" })
    assert.strictEqual((await echo?.call({ message: "hi" }))?.text, "hi")
    const seen: Array<number> = []
    await mcp.call("s__steps", { steps: 3 }, { onProgress: ({ progress }) => void seen.push(progress) })
    assert.deepStrictEqual(seen, [1, 2, 3])
    assert.deepInclude(await mcp.call("s__fails"), { isError: true, text: "the disk is full" })
    assert.deepStrictEqual((await mcp.call("s__structured")).structuredContent, { answer: 42 })
  })

  it("rejects with McpRuntimeError, and with the signal's reason when aborted", async () => {
    await using mcp = await McpPromise.openMcp(config)
    const unknown = await mcp.call("s__no_such").catch((error: unknown) => error)
    assert(unknown instanceof McpPromise.McpRuntimeError)
    assert.strictEqual(unknown.reason._tag, "UnknownTool")
    const late = await mcp.call("s__silent", {}, { deadline: "50 millis" }).catch((error: unknown) => error)
    assert(late instanceof McpPromise.McpRuntimeError)
    assert.strictEqual(late.reason._tag, "DeadlineExceeded")
    assert.include(late.message, "tools/call of silent got no answer in 50 ms")
    const controller = new AbortController()
    const reason = new Error("changed my mind")
    const aborted = mcp.call("s__silent", {}, { signal: controller.signal }).catch((error: unknown) => error)
    controller.abort(reason)
    assert.strictEqual(await aborted, reason)
    const before = await mcp.call("s__echo", {}, { signal: controller.signal }).catch((error: unknown) => error)
    assert.strictEqual(before, reason)
    const invalid = await McpPromise.openMcp("no-such-file.json").catch((error: unknown) => error)
    assert(invalid instanceof McpPromise.McpRuntimeError)
    assert.strictEqual(invalid.reason._tag, "ConfigInvalid")
  })

  it("rejects with the stack of the caller, also where several are told the same", async () => {
    await using mcp = await McpPromise.openMcp({ mcpServers: { gone: { command: "no-such-command" } } })
    const stackOf = (error: unknown): string => error instanceof Error ? error.stack ?? "" : "no error"
    const asksFirst = () => mcp.call("gone__x").catch(stackOf)
    const asksNext = async () => {
      try {
        return await mcp.call("gone__x")
      } catch (error) {
        return stackOf(error)
      }
    }
    const [first, next] = await Promise.all([asksFirst(), asksNext()])
    assert.match(String(first), /^\S*McpRuntimeError: gone: command not found: no-such-command/)
    assert.match(String(first), /\n    at asksFirst .*promise-program\.integration\.test\.ts/)
    assert.match(String(next), /\n    at asksNext .*promise-program\.integration\.test\.ts/)
    const opensNothing = () => McpPromise.openMcp("no-such-file.json").catch(stackOf)
    assert.match(String(await opensNothing()), /\n    at opensNothing .*promise-program\.integration\.test\.ts/)
  })

  it("names a server whose entry is wrong as unavailable, beside the tools of the others", async () => {
    await using mcp = await McpPromise.openMcp({ mcpServers: { ...config.mcpServers, bad: {} } })
    const { tools, unavailable } = await mcp.tools()
    assert.isAbove(tools.length, 0)
    assert.deepStrictEqual(unavailable.map(({ error, server }) => [server, error.reason._tag]), [[
      "bad",
      "ConfigInvalid"
    ]])
  })

  it("leaves nothing after close, and closing twice is closing once", async () => {
    const mcp = await McpPromise.openMcp(config)
    const { text: pid } = await mcp.call("s__pid")
    assert.isTrue(isAlive(pid))
    await Promise.all([mcp.close(), mcp.close()])
    assert.isFalse(isAlive(pid))
  })
})

/** A server whose one tool reports that it has begun, takes a quarter of a second, and answers with its pid. */
const slowly = `
const send = (message) => console.log(JSON.stringify({ jsonrpc: "2.0", ...message }))
require("node:readline").createInterface({ input: process.stdin }).on("line", (line) => {
  const { id, method, params } = JSON.parse(line)
  if (id === undefined) return
  const serverInfo = { name: "slow", version: "1" }
  if (method === "initialize") {
    return send({ id, result: { protocolVersion: "2025-11-25", capabilities: { tools: {} }, serverInfo } })
  }
  if (method === "tools/list") return send({ id, result: { tools: [{ name: "slow", inputSchema: { type: "object" } }] } })
  if (method !== "tools/call") return send({ id, error: { code: -32601, message: "no" } })
  send({ method: "notifications/progress", params: { progressToken: params._meta?.progressToken, progress: 1 } })
  setTimeout(() => send({ id, result: { content: [{ type: "text", text: String(process.pid) }] } }), 250)
})`

describe("what openMcp says of itself", () => {
  /** Servers that leave a mark when they are started. */
  const marking = async <A>(use: (config: McpPromise.Config, started: () => ReadonlyArray<string>) => Promise<A>) => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), "hf-test-promise-"))
    const serverOf = (name: string) => {
      const code =
        `require("node:fs").writeFileSync(${JSON.stringify(path.join(folder, name))}, String(process.pid)); ` +
        `process.argv.splice(1, 0, "x"); import(${JSON.stringify(scripted)})`
      return { command: process.execPath, args: ["-e", code] }
    }
    try {
      const servers = { s: serverOf("s"), t: serverOf("t") }
      return await use({ mcpServers: servers }, () => fs.readdirSync(folder).toSorted())
    } finally {
      fs.rmSync(folder, { recursive: true })
    }
  }

  it("no server is connected before the first `tools` or `call`, and then all are, once", () =>
    marking(async (config, started) => {
      await using mcp = await McpPromise.openMcp(config)
      // What is not asked for is not started however long one waits: this is the time that a start would take.
      await using other = await McpPromise.openMcp({
        mcpServers: { x: { command: process.execPath, args: [scripted] } }
      })
      await other.call("x__echo", { message: "hi" })
      await mcp.reset("s")
      assert.deepStrictEqual(started(), [])
      const [{ tools }, echoed] = await Promise.all([mcp.tools(), mcp.call("s__echo", { message: "hi" })])
      assert.strictEqual(echoed.text, "hi")
      assert.deepStrictEqual([...new Set(tools.map(({ server }) => server))], ["s", "t"])
      assert.deepStrictEqual(started(), ["s", "t"])
    }))

  it("a server that dies between two calls is started again, and neither call notices", async () => {
    await using mcp = await McpPromise.openMcp(config)
    const { text: first } = await mcp.call("s__pid")
    process.kill(Number(first), "SIGKILL")
    const { text: second } = await mcp.call("s__pid", {}, { idempotent: true })
    assert.notStrictEqual(first, second)
  })

  it("an aborted call is told to the server", async () => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), "hf-test-promise-"))
    try {
      const log = path.join(folder, "log")
      const entry = { command: process.execPath, args: [scripted], env: { SPY_LOG: log } }
      await using mcp = await McpPromise.openMcp({ mcpServers: { s: entry } })
      await mcp.tools()
      const controller = new AbortController()
      const aborted = mcp.call("s__silent", {}, { signal: controller.signal }).catch((error: unknown) => error)
      const heard = () => fs.readFileSync(log, "utf8")
      while (!heard().includes("silent")) await new Promise((resolve) => setTimeout(resolve, 1))
      controller.abort(new Error("enough"))
      assert.include(String(await aborted), "enough")
      await mcp.call("s__echo", { message: "hi" })
      assert.include(heard(), "notifications/cancelled")
    } finally {
      fs.rmSync(folder, { recursive: true })
    }
  })

  it("a tool from the list and a call by its name are the same", async () => {
    await using mcp = await McpPromise.openMcp(config)
    const { tools } = await mcp.tools()
    const tool = tools.find(({ name }) => name === "s__echo")
    assert.deepStrictEqual(await tool?.call({ message: "hi" }), await mcp.call("s__echo", { message: "hi" }))
  })

  it("arguments that are no JSON reject with a TypeError, and the next call works", async () => {
    await using mcp = await McpPromise.openMcp(config)
    const cycle: Record<string, unknown> = {}
    cycle["self"] = cycle
    for (const input of [{ n: 1n }, cycle, { n: Number.NaN }, { list: [{ n: Number.POSITIVE_INFINITY }] }]) {
      const failure = await mcp.call("s__echo", input).catch((error: unknown) => error)
      assert.instanceOf(failure, TypeError)
    }
    assert.strictEqual((await mcp.call("s__echo", { message: "hi" })).text, "hi")
    assert.strictEqual((await mcp.call("s__echo", { message: "null", more: null })).text, "null")
  })

  it("a listener that throws, or is async and rejects, harms nothing, and is told of once on stderr", async () => {
    const said = vi.spyOn(console, "error").mockReturnValue()
    const printed = vi.spyOn(console, "log")
    const rejections: Array<unknown> = []
    const onRejection = (error: unknown): void => void rejections.push(error)
    process.on("unhandledRejection", onRejection)
    try {
      await using mcp = await McpPromise.openMcp(config)
      const throwing = () => {
        throw new Error("thrown by a listener")
      }
      const rejecting = () => Promise.reject(new Error("promised by a listener"))
      assert.isFalse((await mcp.call("s__steps", { steps: 3 }, { onProgress: throwing })).isError)
      assert.isFalse((await mcp.call("s__steps", { steps: 3 }, { onProgress: rejecting })).isError)
      await new Promise((resolve) => setImmediate(resolve))
      const words = String(said.mock.calls.flat())
      assert.include(words, "s: onProgress of tools/call failed")
      assert.include(words, "thrown by a listener")
      assert.include(words, "promised by a listener")
      assert.strictEqual(said.mock.calls.length, 2)
      assert.isEmpty(printed.mock.calls)
      assert.isEmpty(rejections)
    } finally {
      process.off("unhandledRejection", onRejection)
      said.mockRestore()
      printed.mockRestore()
    }
  })

  it("close lets a running call finish, and calls from then on are told that it is over", async () => {
    const mcp = await McpPromise.openMcp({ mcpServers: { s: { command: process.execPath, args: ["-e", slowly] } } })
    const { tools } = await mcp.tools()
    const { text: pid } = await mcp.call("s__slow")
    const begun = Promise.withResolvers<void>()
    const running = mcp.call("s__slow", {}, { onProgress: () => begun.resolve() })
    await begun.promise
    const closed = mcp.close()
    for (const late of [mcp.call("s__slow"), mcp.tools(), mcp.reset("s"), tools[0]?.call()]) {
      const failure = await Promise.resolve(late).catch((error: unknown) => error)
      assert(failure instanceof McpPromise.McpRuntimeError)
      assert.strictEqual(failure.reason._tag, "ShuttingDown")
    }
    assert.isFalse((await running).isError)
    await closed
    assert.isFalse(isAlive(pid))
    await mcp.close()
  })

  it("close settles a call that does not finish, typed, and one that waits for a tool nobody has", async () => {
    const mcp = await McpPromise.openMcp({
      mcpServers: {
        ...config.mcpServers,
        dead: { command: process.execPath, args: ["-e", "setInterval(() => {}, 1e6)"] }
      }
    }, { policy: { drainTimeout: "50 millis" } })
    const silent = mcp.call("s__silent").catch((error: unknown) => error)
    // Its server has not answered, so that it waits.
    const waiting = mcp.call("dead__anything").catch((error: unknown) => error)
    await mcp.call("s__echo", { message: "hi" })
    await mcp.close()
    const tags = (await Promise.all([silent, waiting])).map((failure) => {
      assert(failure instanceof McpPromise.McpRuntimeError)
      return failure.reason._tag
    })
    assert.deepStrictEqual(tags, ["OutcomeUnknown", "ShuttingDown"])
  })
})

describe("shared", () => {
  it("is one runtime for one config, whatever the order of its members and the path of its file; the last close closes", async () => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), "hf-test-shared-"))
    try {
      const file = path.join(folder, "mcp.json")
      fs.writeFileSync(file, JSON.stringify(config))
      const entry = { command: process.execPath, args: [scripted] }
      const turned = { args: [scripted], command: process.execPath }
      const pidOf = async (mcp: McpPromise.Mcp) => (await mcp.call("s__pid")).text
      const [a, b] = [await McpPromise.shared(file), await McpPromise.shared(path.relative(process.cwd(), file))]
      const [c, d] = [
        await McpPromise.shared({ mcpServers: { s: entry } }),
        await McpPromise.shared({ mcpServers: { s: turned } })
      ]
      const pids = await Promise.all([a, b, c, d].map(pidOf))
      assert.strictEqual(pids[0], pids[1])
      assert.strictEqual(pids[2], pids[3])
      assert.notStrictEqual(pids[0], pids[2])
      await Promise.all([a.close(), a.close(), c.close()])
      assert.strictEqual(await pidOf(b), pids[0])
      await Promise.all([b.close(), d.close()])
      assert.deepStrictEqual(pids.map(isAlive), [false, false, false, false])
    } finally {
      fs.rmSync(folder, { recursive: true })
    }
  })

  it("asked for while the last user closes it, waits until the old servers are gone", async () => {
    const first = await McpPromise.shared(config)
    const { text: pid } = await first.call("s__pid")
    const closed = first.close()
    const next = await McpPromise.shared(config)
    assert.isFalse(isAlive(pid))
    assert.notStrictEqual((await next.call("s__pid")).text, pid)
    await closed
    await next.close()
  })

  it("that could not be opened is tried again by the next who asks", async () => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), "hf-test-shared-"))
    try {
      const file = path.join(folder, "mcp.json")
      const failure = await McpPromise.shared(file).catch((error: unknown) => error)
      assert(failure instanceof McpPromise.McpRuntimeError)
      assert.strictEqual(failure.reason._tag, "ConfigInvalid")
      fs.writeFileSync(file, JSON.stringify(config))
      await using mcp = await McpPromise.shared(file)
      assert.strictEqual((await mcp.call("s__echo", { message: "hi" })).text, "hi")
    } finally {
      fs.rmSync(folder, { recursive: true })
    }
  })
})

describe("a program without Effect", () => {
  it("ends by itself although its connection is idle and open, and its server ends with it", async () => {
    const pid = await run("open")
    assert.match(pid, /^\d+$/)
    await gone(pid)
  })

  it("is held by a call that is waited for, also while its server is being restarted", async () => {
    const [first = "", second = ""] = (await run("waiting")).split(" ")
    assert.match(second, /^\d+$/)
    assert.notStrictEqual(first, second)
    await gone(second)
  })

  it("that is evaluated twenty times has one server", async () => {
    const pids: ReadonlyArray<string> = JSON.parse(await run("shared"))
    assert.strictEqual(pids.length, 1)
    await gone(pids[0] ?? "")
  })
})
