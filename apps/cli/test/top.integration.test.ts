/** `holdfast top` on a terminal: what it shows while servers come and go, and what it leaves behind. */
import { assert, describe, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"
import * as DaemonWorld from "./support/DaemonWorld.ts"
import { main } from "./support/program.ts"
import * as Terminal from "./support/Terminal.ts"

const { isAlive, until } = DaemonWorld

/** What a terminal is in when a program has it: the alternate screen, no cursor, no wrap. And out of it again. */
const enter = "\u001b[?1049h\u001b[?25l\u001b[?7l"
const leave = "\u001b[?7h\u001b[?25h\u001b[?1049l"

/** Says its process and its terminal first, and how the terminal is when it has ended. */
const startTop = (
  world: DaemonWorld.DaemonWorld,
  { flags = "", isJob = false }: { readonly flags?: string; readonly isJob?: boolean } = {}
) => {
  const top = `'${process.execPath}' ${flags} '${main}' top`
  const begin = `sh -c 'echo pid=$$=; exec "$@"' sh ${top}`
  // As a shell of a person has jobs, of which one that was stopped goes on by `fg`.
  const run = isJob ? `set -m; ${begin}; echo stopped; fg` : begin
  const script = `echo tty=$(tty)=; ${run}; echo code=$?=; stty -a`
  const terminal = Terminal.startCommand(world.directory, `sh -c ${quoted(script)}`, {
    ...world.environment,
    TERM: "xterm"
  })
  const said = (name: string) => new RegExp(`${name}=([^=]+)=`).exec(terminal.shown())?.[1] ?? ""
  return {
    ...terminal,
    pid: () => Number(said("pid")),
    tty: () => said("tty"),
    code: () => Number(said("code")),
    [Symbol.dispose]: () => void terminal.child.kill("SIGKILL")
  }
}

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`

/** The screen is the one before, with a cursor; the keys are echoed and read as lines again. */
const isRestored = (shown: string): void => {
  const at = shown.lastIndexOf(enter)
  assert.isAtLeast(at, 0)
  assert.isAbove(shown.indexOf(leave, at), at)
  assert.match(shown, /(?<!-)\bicanon\b/)
  assert.match(shown, /(?<!-)\becho\b/)
}

const lookedAt = async (world: DaemonWorld.DaemonWorld) => {
  assert.strictEqual((await world.runCheaply("call", "spy", "echo", "text=a")).code, 0)
}

describe("top on a terminal", () => {
  it("shows a call as it is made, and a server that is killed, without a key press; then a close, asked once more", async () => {
    await using world = DaemonWorld.make()
    await lookedAt(world)
    using top = startTop(world)
    await top.sees("> spy")
    await top.sees("answered")
    assert.strictEqual((await world.runCheaply("call", "spy", "echo", "text=b")).code, 0)
    await top.sees("answered")
    const [first = 0] = world.servers()
    process.kill(first, "SIGKILL")
    await top.sees("LAST FAILURES")
    assert.strictEqual((await world.runCheaply("call", "spy", "echo", "text=c")).code, 0)
    const second = world.servers().at(-1) ?? 0
    assert.notStrictEqual(second, first)
    await top.sees(String(second))
    top.type("\r")
    await top.sees("The last tries:")
    top.type("\u001b")
    await top.sees("> spy")
    top.type("c")
    await top.sees("close spy")
    top.type("n")
    await top.sees("q quit")
    top.type("c")
    await top.sees("close spy")
    assert.isTrue(isAlive(second))
    top.type("y")
    await until(() => !isAlive(second))
    top.type("q")
    const { shown } = await top.ended
    assert.strictEqual(top.code(), 0)
    isRestored(shown)
  })

  it("waits for a daemon that has ended, with words, and goes on with the next one", async () => {
    await using world = DaemonWorld.make()
    using top = startTop(world)
    await top.sees("no daemon is running")
    await lookedAt(world)
    await top.sees("> spy")
    const [daemon = 0] = world.daemons()
    process.kill(daemon, "SIGKILL")
    await top.sees("the daemon has ended; waiting for the next one")
    await lookedAt(world)
    await top.sees("> spy")
    top.type("q")
    await top.ended
    assert.strictEqual(top.code(), 0)
  })

  it("fits a terminal of another size at once", async () => {
    await using world = DaemonWorld.make()
    await lookedAt(world)
    using top = startTop(world)
    await top.sees("q quit")
    const { status } = spawnSync("stty", ["-F", top.tty(), "cols", "40", "rows", "12"])
    assert.strictEqual(status, 0)
    await top.sees("\u001b[2J")
    await top.sees("…")
    const drawn = top.shown().slice(top.shown().lastIndexOf("\u001b[2J"))
    const rows = [...drawn.matchAll(/\[(\d+);1H/g)].map((match) => Number(match[1]))
    assert.strictEqual(Math.max(...rows), 12)
    top.type("q")
    await top.ended
  })

  it("ends with its terminal", async () => {
    await using world = DaemonWorld.make()
    using top = startTop(world)
    await top.sees("no daemon is running")
    const pid = top.pid()
    assert.isTrue(isAlive(pid))
    top.child.kill("SIGKILL")
    await until(() => !isAlive(pid))
  })

  // lablup/all-smi#235: the cursor stayed hidden. jfernandez/bpftop#41: the screen stayed. anthropics/claude-code#84029: what restores it was
  // registered for an orderly end only.
  describe("gives the terminal back", () => {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
      it(`at ${signal}`, async () => {
        await using world = DaemonWorld.make()
        using top = startTop(world)
        await top.sees("no daemon is running")
        process.kill(top.pid(), signal)
        const { shown } = await top.ended
        assert.strictEqual(top.code(), 130)
        isRestored(shown)
      })
    }

    it("at Ctrl-C", async () => {
      await using world = DaemonWorld.make()
      using top = startTop(world)
      await top.sees("no daemon is running")
      top.type("\u0003")
      const { shown } = await top.ended
      assert.strictEqual(top.code(), 130)
      isRestored(shown)
    })

    it("at a fault in the middle of it, whose words are seen behind it", async () => {
      await using world = DaemonWorld.make()
      const fault = path.join(world.directory, "fault.mjs")
      fs.writeFileSync(fault, "process.on('SIGUSR2', () => { throw new Error('a fault of the test') })")
      using top = startTop(world, { flags: `--import '${fault}'` })
      await top.sees("no daemon is running")
      process.kill(top.pid(), "SIGUSR2")
      const { shown } = await top.ended
      assert.notStrictEqual(top.code(), 0)
      isRestored(shown)
    })

    it("at Ctrl-Z, and takes it again with the foreground", async () => {
      await using world = DaemonWorld.make()
      using top = startTop(world, { isJob: true })
      await top.sees("no daemon is running")
      top.type("\u001a")
      await top.sees(leave)
      await top.sees("stopped")
      await top.sees(enter)
      await top.sees("no daemon is running")
      top.type("q")
      const { shown } = await top.ended
      assert.strictEqual(top.code(), 0)
      isRestored(shown)
    })
  })
})

describe("top without a terminal", () => {
  it("is one frame of plain text, with --once on a terminal too", async () => {
    await using world = DaemonWorld.make()
    await lookedAt(world)
    for (const words of [["top"], ["top", "--once"]]) {
      const { code, stderr, stdout } = await world.run(...words)
      assert.deepStrictEqual([code, stderr], [0, ""])
      assert.notInclude(stdout, "\u001b")
      assert.match(stdout, /^spy +idle/m)
      assert.match(stdout, /answered +spy\.echo/)
    }
    const terminal = Terminal.start(world.directory, ["top", "--once"], world.environment)
    const { code, shown } = await terminal.ended
    assert.strictEqual(code, 0)
    assert.notInclude(shown, "\u001b")
    const { stdout } = await world.run("top", "--json")
    const { calls, servers } = JSON.parse(stdout)
    assert.deepStrictEqual([calls.length, servers.length], [1, 1])
  })

  it("fails with words where there is no daemon", async () => {
    await using world = DaemonWorld.make()
    const { code, stderr, stdout } = await world.run("top", "--once")
    assert.deepStrictEqual([code, stdout], [4, ""])
    assert.match(stderr, /no daemon is running/)
  })
})
