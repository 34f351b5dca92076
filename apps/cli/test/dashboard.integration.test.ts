/** `holdfast dashboard` as its user has it: a process that outlives the daemon, and of which nothing is left. */
import { assert, describe, it } from "@effect/vitest"
import * as Changes from "@holdfast/dashboard/Changes"
import type { Snapshot } from "@holdfast/dashboard/DashboardContract"
import type { ChildProcess } from "node:child_process"
import { once } from "node:events"
import * as http from "node:http"
import { start } from "./support/Cli.ts"
import * as DaemonWorld from "./support/DaemonWorld.ts"

const { isAlive, until } = DaemonWorld

/** The page's part of it: lets itself in and follows. */
const open = async (child: ChildProcess) => {
  let said = ""
  child.stdout?.setEncoding("utf8").on("data", (text: string) => void (said += text))
  let complaints = ""
  child.stderr?.setEncoding("utf8").on("data", (text: string) => void (complaints += text))
  await until(() => said.includes("\n") || child.exitCode !== null)
  assert.isNull(child.exitCode, complaints)
  const { port, url }: { readonly port: number; readonly url: string } = JSON.parse(said)
  const origin = `http://127.0.0.1:${port}`
  const post = (path: string, body: object, headers: Readonly<Record<string, string>> = {}) =>
    fetch(`${origin}/${path}`, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify(body)
    })
  const entered = await post("api/enter", { token: new URL(url).hash.slice(1) })
  const { session }: { readonly session: string } = JSON.parse(await entered.text())
  const headers = { "holdfast-session": session }
  const leaving = new AbortController()
  let snapshot: Snapshot | undefined
  const stream = await fetch(`${origin}/api/live`, { headers, signal: leaving.signal })
  const following = (async () => {
    let rest = ""
    for await (const piece of (stream.body ?? new ReadableStream()).pipeThrough(new TextDecoderStream())) {
      const blocks = (rest + piece).split("\n\n")
      rest = blocks.pop() ?? ""
      for (const block of blocks) {
        const [, name, data] = /^event: (\w+)\ndata: (.*)$/s.exec(block) ?? []
        if (name === "state") snapshot = JSON.parse(data ?? "")
        else if (name === "change" && snapshot !== undefined) {
          snapshot = Changes.applied(snapshot, JSON.parse(data ?? ""))
        }
      }
    }
  })().catch(() => {})
  return {
    port,
    now: () => snapshot,
    act: async (action: object) => {
      const answer = await post("api/do", action, headers)
      const said: { readonly message: string } = JSON.parse(await answer.text())
      return { status: answer.status, said }
    },
    ask: async (path: string) => (await fetch(`${origin}/${path}`, { headers })).text(),
    close: async () => {
      leaving.abort()
      await following
    }
  }
}

/** Whether something listens there. */
const isOpen = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    http.get({ port, host: "127.0.0.1" }, (answer) => {
      answer.resume()
      resolve(true)
    }).once("error", () => resolve(false))
  })

describe("holdfast dashboard", () => {
  it("outlives a daemon that is killed, goes on with the next one, and leaves no process and no port at Ctrl-C", async () => {
    await using world = DaemonWorld.make()
    const child = start(world.directory, ["dashboard", "--no-open", "--json"], world.environment)
    using _ = { [Symbol.dispose]: () => void child.kill("SIGKILL") }
    const page = await open(child)
    const state = () => page.now()?.head.state
    const names = () => (page.now()?.servers ?? []).map(({ name, pid }) => `${name} ${pid === undefined ? "" : "runs"}`)
    await until(() => state() === "gone")
    assert.match(page.now()?.head.message ?? "", /waiting for the next one.*holdfast tools/s)
    assert.deepStrictEqual(world.daemons(), [])

    assert.strictEqual((await world.run("call", "spy", "echo", "text=a")).code, 0)
    await until(() => state() === "live" && names().includes("spy runs") && (page.now()?.calls ?? []).length === 1)
    const [call] = page.now()?.calls ?? []
    assert.deepInclude(call, { server: "spy", name: "echo", outcome: "answered", mood: "good" })
    const first = page.now()?.head.pid
    assert.strictEqual(first, world.daemons()[0])

    process.kill(world.daemons()[0] ?? 0, "SIGKILL")
    await until(() => state() === "gone")
    assert.include((page.now()?.failures ?? []).at(-1)?.message ?? "", `process ${first} has ended`)
    // What has happened stays, and goes on with the next one.
    assert.strictEqual((await world.run("call", "spy", "echo", "text=b")).code, 0)
    await until(() => state() === "live" && (page.now()?.calls ?? []).length === 2)
    assert.strictEqual(page.now()?.head.pid, world.daemons()[1])
    assert.notStrictEqual(page.now()?.head.pid, first)
    await until(() => names().includes("spy runs"))

    const row = page.now()?.servers?.find(({ name }) => name === "spy")
    assert.deepStrictEqual(row?.actions, ["reset", "drain", "close"])
    const closed = await page.act({ action: "close", of: "server", target: row?.id })
    assert.deepStrictEqual([closed.status, closed.said], [200, { message: `${row?.pid}: 1 ended` }])
    await until(() => !names().includes("spy runs"))
    assert.isFalse(isAlive(row?.pid ?? 0))
    const unknown = await page.act({ action: "close", of: "server", target: "1|0|none" })
    assert.strictEqual(unknown.status, 409)
    assert.match(unknown.said.message, /has no server/)
    assert.include(await page.ask("api/why?of=spy"), "echo answered")

    child.kill("SIGINT")
    const [code] = await once(child, "close")
    assert.strictEqual(code, 130)
    await page.close()
    assert.isFalse(await isOpen(page.port))
    assert.isTrue(isAlive(world.daemons()[1] ?? 0))
  })

  it("says which port is taken, and what to do", async () => {
    await using world = DaemonWorld.make()
    const server = http.createServer().listen(0, "127.0.0.1")
    await once(server, "listening")
    const address = server.address()
    const port = typeof address === "object" && address !== null ? address.port : 0
    const { code, stderr, stdout } = await world.run("dashboard", "--no-open", "--port", String(port))
    server.close()
    assert.deepStrictEqual([code, stdout], [2, ""])
    assert.include(stderr, `another program listens on port ${port} already; leave --port out for a free one`)
  })
})
