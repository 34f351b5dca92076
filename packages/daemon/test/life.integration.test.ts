import { assert, describe, it } from "@effect/vitest"
import { once } from "node:events"
import * as fs from "node:fs"
import * as net from "node:net"
import * as path from "node:path"
import * as DaemonClient from "../src/DaemonClient.ts"
import * as DaemonControl from "../src/DaemonControl.ts"
import * as DaemonPlace from "../src/DaemonPlace.ts"
import * as Hello from "../src/Hello.ts"
import * as Home from "./support/Home.ts"
import { startedBy } from "./support/startedBy.ts"

const linksOf = (pid: number): ReadonlyArray<string> =>
  fs.readdirSync(`/proc/${pid}/fd`).map((name) => {
    try {
      return fs.readlinkSync(`/proc/${pid}/fd/${name}`)
    } catch {
      // Closed in this moment.
      return ""
    }
  })

const modeOf = (file: string): string => (fs.statSync(file).mode & 0o7777).toString(8)

describe("the daemon", () => {
  it("is started exactly once by eight programs at once", async () => {
    assert.deepStrictEqual(await startedBy(8), { refusals: [], served: [true], starts: 1 })
  })

  it("keeps no descriptor of its starter, whose reader goes on at once", async () => {
    await using home = Home.make()
    const file = path.join(home.directory, "held")
    const held = fs.openSync(file, "w")
    // Node itself looks after the first sixteen only: `flock` in shells is mostly used with 200.
    const stdio = ["pipe", "pipe", "pipe", ...Array.from({ length: 40 }, () => "ignore" as const), held] as const
    // Its close is that of its pipes: a daemon that had one would keep it from coming.
    const ran = await Home.finish(Home.client(home, "end", [...stdio]))
    fs.closeSync(held)
    const pid = Number(ran.stdout)
    assert.isTrue(Home.isAlive(pid))
    assert.notInclude(linksOf(pid), file)
    const substituted = await Home.finish(Home.clientInShell(home, "x=$(\"$0\" \"$1\" end); echo \"got $x\""))
    assert.strictEqual(substituted.stdout, `got ${pid}\n`)
  })

  it("starts in / with little of its starter's environment, in a session of its own", async () => {
    await using home = Home.make({ SECRET_OF_A_SHELL: "1", LC_ALL: "C" })
    const pid = Number((await Home.finish(Home.client(home))).stdout)
    assert.strictEqual(fs.readlinkSync(`/proc/${pid}/cwd`), "/")
    const names = fs.readFileSync(`/proc/${pid}/environ`, "utf8").split("\0").map((entry) => entry.split("=")[0])
    assert.notInclude(names, "SECRET_OF_A_SHELL")
    assert.include(names, "LC_ALL")
    const session = fs.readFileSync(`/proc/${pid}/stat`, "latin1").split(") ")[1]?.split(" ")[3]
    assert.strictEqual(session, String(pid))
  })

  it("is where its starter looks for it, whatever the environment of the server says", async () => {
    for (const variable of ["XDG_STATE_HOME", "XDG_RUNTIME_DIR"]) {
      await using home = Home.make()
      const runtime = path.join(home.directory, "runtime")
      fs.mkdirSync(runtime, { mode: 0o700 })
      const environment = { XDG_STATE_HOME: home.directory, [variable]: runtime }
      const place = DaemonPlace.open({ environment })
      assert.strictEqual(place.directory, path.join(runtime, "holdfast"))
      const { daemon, socket } = await DaemonClient.connect({
        place,
        environment: { PATH: process.env["PATH"] },
        program: "test",
        wants: { daemon: true }
      })
      socket.destroy()
      assert.isTrue(Home.isAlive(daemon.pid))
      await DaemonControl.stop(place)
      await Home.until(() => !Home.isAlive(daemon.pid))
    }
  })

  it("has a socket and a token for its user alone, under umask 000 too", async () => {
    await using home = Home.make()
    await Home.finish(Home.clientInShell(home, "umask 000; exec \"$0\" \"$1\" end"))
    const place = home.place()
    assert.deepStrictEqual([place.directory, place.socket, place.token, place.log].map(modeOf), [
      "700",
      "600",
      "600",
      "600"
    ])
  })

  it("is there again after a kill -9, whatever that has left", async () => {
    await using home = Home.make()
    const first = Number((await Home.finish(Home.client(home))).stdout)
    process.kill(first, "SIGKILL")
    await Home.until(() => !Home.isAlive(first))
    assert.isTrue(fs.existsSync(home.place().socket), "the killed daemon has left no socket: this test shows nothing")
    const second = Number((await Home.finish(Home.client(home))).stdout)
    assert.notStrictEqual(second, first)
    assert.isTrue(Home.isAlive(second))
  })

  it("waits for one that has the lock and does not listen, and comes up when that one dies", async () => {
    await using home = Home.make()
    const holder = await Home.holdLock(home.place().lock)
    const waiting = Home.client(home)
    const ended = Home.finish(waiting)
    // The starter has its turn: from now on it waits for a daemon that waits for the lock.
    await Home.until(() => fs.existsSync(home.place().log))
    assert.strictEqual(home.starts(), 0)
    holder.kill("SIGKILL")
    assert.strictEqual((await ended).code, 0)
    assert.strictEqual(home.starts(), 1)
  })

  it("is started by the next program when its starter was killed", async () => {
    await using home = Home.make()
    const holder = await Home.holdLock(home.place().startLock)
    const ended = Home.finish(Home.client(home))
    const killed = Home.client(home, "stay")
    killed.kill("SIGKILL")
    holder.kill("SIGKILL")
    assert.strictEqual((await ended).code, 0)
    assert.strictEqual(home.starts(), 1)
  })

  it("ends after its idle time, and not while a session is open", async () => {
    await using home = Home.make({ HOLDFAST_DAEMON_IDLE: "50 millis" })
    const stays = Home.client(home, "stay")
    await once(stays.stdout ?? stays, "data")
    const pid = home.daemonPid()
    // Programs that come and go begin the idle time anew, and end it for nobody else.
    for (let i = 0; i < 3; i++) assert.strictEqual(Number((await Home.finish(Home.client(home))).stdout), pid)
    assert.isTrue(Home.isAlive(pid))
    stays.stdin?.end()
    await Home.until(() => !Home.isAlive(pid))
    assert.match(home.log(), /the daemon ends: it was idle/)
    assert.isFalse(fs.existsSync(home.place().socket))
  })

  it("makes its socket again when something has removed it, and its sessions go on", async () => {
    await using home = Home.make()
    const stays = Home.client(home, "stay")
    await once(stays.stdout ?? stays, "data")
    const pid = home.daemonPid()
    fs.rmSync(home.place().socket)
    assert.strictEqual(Number((await Home.finish(Home.client(home))).stdout), pid)
    assert.strictEqual(home.starts(), 1)
    assert.isNull(stays.exitCode)
    stays.kill()
    await once(stays, "close")
  })

  it("ends when its lock was removed, so that there are never two", async () => {
    await using home = Home.make()
    await Home.finish(Home.client(home))
    const pid = home.daemonPid()
    fs.rmSync(home.place().lock)
    await Home.until(() => !Home.isAlive(pid))
    assert.match(home.log(), /the daemon ends: its lock was removed/)
  })

  it("ends by holdfast daemon stop, which returns when it has ended, and tells its state before", async () => {
    await using home = Home.make()
    const stays = Home.client(home, "stay")
    // It may end with its daemon.
    const left = once(stays, "close")
    await once(stays.stdout ?? stays, "data")
    const state = await DaemonControl.status(home.place())
    assert.strictEqual(state.pid, home.daemonPid())
    assert.include(state.sessions.map(({ pid, program }) => `${program} ${pid}`), `test client ${stays.pid}`)
    await DaemonControl.stop(home.place())
    assert.isFalse(Home.isAlive(state.pid) && !Home.isFree(home.place().lock))
    const error = await DaemonControl.status(home.place()).catch((error: unknown) => error)
    assert.match(String(error), /no daemon is running/)
    stays.kill()
    await left
  })

  it("admits nobody without its token, and says so in a line", async () => {
    await using home = Home.make()
    await Home.finish(Home.client(home))
    const place = home.place()
    const token = fs.readFileSync(place.token, "utf8").trim()
    const hello = { holdfast: 1, token, program: "p", pid: 1, directory: "/", environment: {}, wants: { daemon: true } }
    const ask = async (line: string): Promise<Hello.Answer | undefined> => {
      const socket = net.connect(place.socket)
      socket.write(`${line}\n`)
      let said = ""
      for await (const chunk of socket) said += String(chunk)
      return Hello.decodeAnswer(said)
    }
    const refusals: ReadonlyArray<readonly [string, RegExp]> = [
      [JSON.stringify({ ...hello, token: `${token}0` }), /token is not the daemon's/],
      [JSON.stringify({ ...hello, holdfast: 2 }), /speaks protocol 2, this daemon 1/],
      ["GET / HTTP/1.1", /is no JSON object/],
      [JSON.stringify({ ...hello, wants: {} }), /neither server nor endpoint nor http nor daemon/]
    ]
    for (const [line, message] of refusals) {
      const answer = await ask(line)
      assert.match(answer !== undefined && "error" in answer ? answer.error.message : "", message)
    }
    assert.strictEqual(Number((await Home.finish(Home.client(home))).stdout), home.daemonPid())
  })
})
