import { assert, describe, it } from "@effect/vitest"
import { spawn } from "node:child_process"
import * as path from "node:path"
import * as DaemonControl from "../src/DaemonControl.ts"
import * as Home from "./support/Home.ts"
import * as Host from "./support/Host.ts"
import * as World from "./support/World.ts"

const asVersion = (version: string) => ({ HOLDFAST_DAEMON_VERSION: version })

const modernCall = (nonce: string): string => Host.modernCall("count", nonce, nonce)

describe("a newer version of the daemon", () => {
  it("takes over: a host keeps the process that is its alone, with its state, until it leaves; the old daemon ends then", async () => {
    await using w = World.make("legacy", asVersion("1.0.0"))
    const [host, idle] = [await w.connect(), await w.connect()]
    for (const each of [host, idle]) await each.greet()
    assert.strictEqual(await host.call("count"), "1")
    const [kept = 0, unused = 0] = w.starts()
    idle.leave()
    await Home.until(async () => (await DaemonControl.status(w.home.place())).sessions.length <= 2)
    const old = w.home.daemonPid()
    const newer = { ...w.home.environment, ...asVersion("1.1.0") }
    const next = await w.connect({ environment: newer })
    const now = w.home.daemonPid()
    assert.notStrictEqual(now, old)
    // What no host holds ends, and the next host has a process of the new daemon.
    await next.greet()
    assert.strictEqual(await next.call("count"), "1")
    await Home.until(() => !Home.isAlive(unused))
    assert.strictEqual(await host.call("count"), "2")
    const [former] = await DaemonControl.formerStatus(w.home.place())
    assert.deepStrictEqual([former?.pid, former?.version, former?.isLeaving], [old, "1.0.0", true])
    assert.deepStrictEqual(former?.servers.map(({ pid }) => pid), [kept])
    host.leave()
    await Home.until(() => !Home.isAlive(kept) && !Home.isAlive(old))
    assert.lengthOf(await DaemonControl.formerStatus(w.home.place()), 0)
    assert.strictEqual(await next.call("count"), "2")
    next.leave()
  })

  it("takes sessions over that share a process: what is on the way is answered first, the next request is the new daemon's", async () => {
    await using w = World.make("modern", asVersion("1.0.0"))
    const host = await w.connect()
    const [quiet, busy] = [await w.connect(), await w.connect()]
    for (const [index, each] of [host, quiet].entries()) {
      assert.match(await each.ask(modernCall(`a${index}`)), /"result"/)
    }
    busy.say(modernCall("b").replace("count", "never"))
    await Home.until(() => w.record().includes("call never b"))
    const [before = 0] = w.starts()
    const other = await w.connect({ environment: { ...w.home.environment, ...asVersion("2.0.0-rc.1") } })
    assert.match(await other.ask(modernCall("c")), /"result"/)
    const [, after = 0] = w.starts()
    // The two that wait for nothing have left the old process, which the third still needs.
    for (const [index, each] of [host, quiet].entries()) {
      assert.match(await each.ask(modernCall(`d${index}`)), /"result"/)
    }
    assert.isTrue(Home.isAlive(before))
    assert.lengthOf(w.starts(), 2)
    busy.say(JSON.stringify({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: "b" } }))
    await Home.until(() => !Home.isAlive(before))
    assert.match(await busy.ask(modernCall("e")), /"id":"e","result"/)
    // A daemon that is killed behind them is another matter of theirs: the next one is started.
    process.kill(w.home.daemonPid(), "SIGKILL")
    await Home.until(() => !Home.isAlive(after))
    const list = { jsonrpc: "2.0", id: "f", method: "tools/list", params: { _meta: Host.modern } }
    assert.match(await quiet.ask(JSON.stringify(list)), /"id":"f","result"/)
    const calls = w.record().filter((line) => line.startsWith("call "))
    assert.strictEqual(new Set(calls).size, calls.length)
    for (const each of [host, quiet, busy, other]) each.leave()
    await DaemonControl.stop(w.home.place())
    assert.isFalse(w.starts().some(Home.isAlive))
  })

  it("is gone to by shims that have no process of their own: those that listen at once, and the old daemon ends", async () => {
    await using w = World.make("changing", asVersion("1.0.0"))
    const [listening, quiet, unused] = [w.wrap({ shared: true }), w.wrap({ shared: true }), w.wrap({ shared: true })]
    const subscribe = (id: number): string =>
      JSON.stringify({ jsonrpc: "2.0", id, method: "resources/subscribe", params: { uri: "a:b" } })
    for (const each of [listening, quiet]) {
      await each.greet()
      assert.match(
        await each.ask(`{"jsonrpc":"2.0","id":"p","method":"tools/call","params":{"name":"count"}}`),
        /"id":"p"/
      )
    }
    await listening.ask(subscribe(1))
    const old = w.home.daemonPid()
    const next = await w.connect({ environment: { ...w.home.environment, ...asVersion("1.1.0") } })
    assert.notStrictEqual(w.home.daemonPid(), old)
    // None of the hosts says a word.
    assert.match(await listening.next(), /"notifications\/resources\/updated","params":\{"uri":"a:b"\}/)
    await Home.until(() => !Home.isAlive(old))
    assert.lengthOf(w.record().filter((line) => line === "resources/subscribe a:b"), 2)
    assert.strictEqual(await quiet.call("count"), "1")
    for (const host of [listening, quiet, unused, next]) host.leave()
  })

  it("changes the daemon once at most, however two versions alternate; an older one never takes over", async () => {
    await using home = Home.make()
    const run = (version: string) =>
      Home.finish(Home.client({ ...home, environment: { ...home.environment, ...asVersion(version) } }))
    const pids: Array<number> = []
    for (const version of ["1.2.0", "1.10.0", "1.2.0", "1.10.0", "1.2.0"]) {
      pids.push(Number((await run(version)).stdout))
    }
    assert.deepStrictEqual([home.starts(), new Set(pids).size], [2, 2])
    // Many of both at once see one daemon, too.
    const both = await Promise.all(["1.10.0", "2.0.0", "1.10.0", "2.0.0"].map(run))
    assert.deepStrictEqual(both.map(({ stderr }) => stderr), ["", "", "", ""])
    assert.strictEqual(home.starts(), 3)
    assert.strictEqual((await DaemonControl.status(home.place())).version, "2.0.0")
  })

  it("that cannot be started leaves the old daemon where it is, and its program uses that", async () => {
    await using home = Home.make(asVersion("1.0.0"))
    const old = Number((await Home.finish(Home.client(home))).stdout)
    const broken = { ...asVersion("2.0.0"), HOLDFAST_DAEMON_IDLE: "no duration" }
    const newer = { ...home, environment: { ...home.environment, ...broken } }
    const { stderr, stdout } = await Home.finish(Home.client(newer))
    assert.deepStrictEqual([Number(stdout), stderr, home.starts()], [old, "", 1])
  })

  it("leaves a daemon alone that is kept in the foreground, and uses it", async () => {
    await using home = Home.make(asVersion("1.0.0"))
    const child = spawn(process.execPath, [path.resolve(import.meta.dirname, "support/foreground.ts")], {
      env: home.environment,
      stdio: ["ignore", "ignore", "pipe"]
    })
    const ended = Home.finish(child)
    await Home.until(async () => await DaemonControl.status(home.place()).catch(() => undefined))
    const newer = { ...home, environment: { ...home.environment, ...asVersion("9.0.0") } }
    const { stderr, stdout } = await Home.finish(Home.client(newer))
    assert.deepStrictEqual([Number(stdout), stderr], [child.pid, ""])
    await DaemonControl.stop(home.place())
    assert.strictEqual((await ended).code, 0)
  })
})
