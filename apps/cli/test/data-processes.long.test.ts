/** The words for data as programs of their own: in pipes, on pseudo-terminals, through the daemon. */
import { assert, describe, it } from "@effect/vitest"
import { spawn } from "node:child_process"
import * as fs from "node:fs"
import { createRequire } from "node:module"
import * as path from "node:path"
import { finish, makeDirectory, run } from "./support/Cli.ts"
import { isAlive, until } from "./support/DaemonWorld.ts"
import { program } from "./support/program.ts"
import * as TalkingWorld from "./support/TalkingWorld.ts"

const call = (id: number, tool: string, values: object = {}) =>
  `${JSON.stringify({ id, server: "talk", tool, arguments: values })}\n`

const words: ReadonlyArray<readonly [words: ReadonlyArray<string>, shown: RegExp]> = [
  [["tools"], /talk\.echo +text \[times\]/],
  [["tools", "talk.echo"], /holdfast call talk\.echo text=text/],
  [["call", "talk.echo", "text=hello"], /^hello$/m],
  [["resources"], /doc:\/\/guide/],
  [["read", "talk", "doc://guide"], /^# Guide$/m],
  [["prompts"], /talk\.review +language \[focus\]/],
  [["prompt", "talk.review", "language=ts"], /^Review \{"language":"ts"\}$/m],
  [["complete", "talk", "review", "language=ty"], /^type\ntypescript$/m],
  [["questions"], /^no questions$/m]
]

describe("every word for data", () => {
  for (const usesDaemon of [true, false]) {
    it(`says the same in pipes and on a terminal, ${usesDaemon ? "through" : "without"} the daemon`, async () => {
      await using world = TalkingWorld.make(usesDaemon)
      for (const [each, shown] of words) {
        const piped = await world.run(each)
        assert.strictEqual(piped.code, 0, `${each.join(" ")}: ${piped.stderr}`)
        assert.match(piped.stdout + piped.stderr, shown)
        const seen = await world.terminal(each).ended
        assert.strictEqual(seen.code, 0, each.join(" "))
        assert.match(seen.shown.replaceAll("\r", ""), shown)
      }
      if (usesDaemon) assert.lengthOf(world.record().filter((line) => line.startsWith("start")), 1)
    })
  }

  it("works with the reference server, by its command and by its url", async () => {
    using directory = makeDirectory()
    const require = createRequire(import.meta.url)
    const entry = path.join(
      path.dirname(require.resolve("@modelcontextprotocol/server-everything/package.json")),
      "dist/index.js"
    )
    const stdio = ["--stdio", `'${process.execPath}' '${entry}' stdio`, "--no-daemon"]
    const cases: ReadonlyArray<readonly [ReadonlyArray<string>, RegExp]> = [
      [["call", ...stdio, "get-sum", "a=1", "b=2"], /^The sum of 1 and 2 is 3\.$/m],
      [["prompt", ...stdio, "args-prompt", "city=Berlin"], /^What's weather in Berlin\?$/m],
      [["complete", ...stdio, "completable-prompt", "department=Sales", "name=D"], /^David$/m],
      [["read", ...stdio, "demo://resource/static/document/features.md"], /^# Everything Server - Features$/m]
    ]
    for (const [each, shown] of cases) {
      const { code, stderr, stdout } = await run(directory.path, each)
      assert.deepStrictEqual([code, stderr], [0, ""], each.join(" "))
      assert.match(stdout, shown)
    }
    const asked = await run(directory.path, ["call", ...stdio, "trigger-elicitation-request"])
    assert.deepStrictEqual([asked.code, asked.stdout], [7, ""])
    assert.match(asked.stderr, /^ {2}name +string +required +Your full, legal name$/m)
  })
})

describe("arguments on stdin", () => {
  // https://github.com/anthropics/claude-code/issues/22120
  it("are read from a pipe, a file and a here-document alike", async () => {
    await using world = TalkingWorld.make(false)
    fs.writeFileSync(path.join(world.directory, "args.json"), "{\"text\":\"http://x/?a=b=c\"}\n")
    const env = { ...process.env, HOLDFAST_NO_DAEMON: "1", NODE: program[0], MAIN: program[1] ?? "" }
    const call = "\"$NODE\" $MAIN call talk.echo -"
    for (
      const script of [
        `cat args.json | ${call}`,
        `${call} < args.json`,
        `${call} <<'EOF'\n{"text":"http://x/?a=b=c"}\nEOF`
      ]
    ) {
      const child = spawn("/bin/sh", ["-c", script], { cwd: world.directory, env })
      assert.deepStrictEqual(await finish(child), { code: 0, stdout: "http://x/?a=b=c\n", stderr: "" }, script)
    }
  })
})

describe("Ctrl-C", () => {
  for (const usesDaemon of [true, false]) {
    it(`on a terminal cancels the call at its server and exits with 130, ${usesDaemon ? "through" : "without"} the daemon`, async () => {
      await using world = TalkingWorld.make(usesDaemon)
      // A warm call is a bare client of the daemon's socket.
      if (usesDaemon) await world.run(["call", "talk.echo", "text=a"])
      const terminal = world.terminal(["call", "talk.slow"])
      await until(() => world.record().includes("call slow "))
      terminal.type("\u0003")
      assert.strictEqual((await terminal.ended).code, 130)
      await until(() => world.record().includes("cancelled"))
    })
  }

  it("twice ends the program at once, and leaves no process", async () => {
    await using world = TalkingWorld.make(false)
    const child = world.start("call", "talk.slow")
    const ended = finish(child)
    await until(() => world.record().includes("call slow "))
    const pid = Number(/^start (\d+)$/m.exec(world.record().join("\n"))?.[1])
    // One that does not react to the end of its input holds the program up.
    process.kill(pid, "SIGSTOP")
    child.kill("SIGINT")
    child.kill("SIGINT")
    assert.strictEqual((await ended).code, 130)
    await until(() => !isAlive(pid))
  })
})

describe("progress", () => {
  it("is a bar on a terminal where the end is known, and nothing of it is left; in a pipe there is none", async () => {
    await using world = TalkingWorld.make(true)
    await world.run(["call", "talk.echo", "text=a"])
    const terminal = world.terminal(["call", "talk.steps", "total=4"])
    await terminal.sees(`talk.steps: [${"#".repeat(10)}${" ".repeat(10)}] 50 % step 2`)
    await world.run(["call", "talk.go"])
    const { code, shown } = await terminal.ended
    assert.strictEqual(code, 0)
    // The line is erased, and what stands there then is the result.
    assert.strictEqual(shown.split("\u001b[2K").at(-1)?.trim() || shown.split("\u001b[2K").at(-2)?.trim(), "done")
    const piped = finish(world.start("call", "talk.steps", "total=4"))
    await until(() => world.record().filter((line) => line === "call steps ").length === 2)
    await world.run(["call", "talk.go"])
    assert.deepStrictEqual(await piped, { code: 0, stdout: "done\n", stderr: "" })
  })
})

describe("a question of a server", () => {
  for (const usesDaemon of [true, false]) {
    it(`is asked on a terminal, ${usesDaemon ? "by a call that a warm client has begun" : "without the daemon"}, while the result goes to a file`, async () => {
      await using world = TalkingWorld.make(usesDaemon)
      if (usesDaemon) await world.run(["call", "talk.echo", "text=a"])
      const terminal = world.terminal(["call", "talk.ask"], "> result")
      for (
        const [prompt, typed] of [
          ["[string]", "Ann"],
          ["[string]", ""],
          ["[integer; default 4]", ""],
          ["[yes, no]", "y"],
          ["[1 to 2]", "9"],
          ["[1 to 2]", "1"],
          ["[numbers, with commas]", "2,3"],
          ["[1 to 2; default \"p2\"]", ""]
        ] as const
      ) {
        await terminal.sees(prompt)
        terminal.type(`${typed}\r`)
      }
      const { code, shown } = await terminal.ended
      assert.strictEqual(code, 0, shown)
      const result = JSON.parse(fs.readFileSync(path.join(world.directory, "result"), "utf8"))
      assert.deepStrictEqual(result, {
        action: "accept",
        content: { name: "Ann", count: 4, fast: true, size: "s", days: ["tue", "wed"], pet: "p2" }
      })
      assert.lengthOf(world.record().filter((line) => line === "call ask "), 1)
      assert.lengthOf(world.record().filter((line) => line.startsWith("start")), 1)
    })
  }

  it("is cancelled with its call by Ctrl-C, and answered by Ctrl-D", async () => {
    await using world = TalkingWorld.make(false)
    const stopped = world.terminal(["call", "talk.ask"])
    await stopped.sees("[string]")
    stopped.type("\u0003")
    assert.strictEqual((await stopped.ended).code, 130)
    assert.include(world.record(), "cancelled")
    const left = world.terminal(["call", "talk.ask"])
    await left.sees("[string]")
    left.type("\u0004")
    const { code, shown } = await left.ended
    assert.strictEqual(code, 0)
    assert.include(shown, "{\"action\":\"cancel\"}")
  })

  it("is kept with --park, listed, answered by another program, and its result printed; a file may take it", async () => {
    await using world = TalkingWorld.make(true)
    const parked = await world.run(["call", "talk.ask", "--park", "--json"])
    assert.deepStrictEqual([parked.code, parked.stdout], [7, ""])
    const { error } = JSON.parse(parked.stderr)
    assert.strictEqual(error.reason, "QuestionParked")
    const [{ id }] = error.parked.questions
    const listed = await world.run(["questions"])
    assert.match(listed.stdout, new RegExp(`^${id} +talk\\.ask +\\d+ s +Deploy to`))
    const wrong = await world.run(["answer", id, "name=A", "size=s", "count=99"])
    assert.strictEqual(wrong.code, 2)
    assert.match(wrong.stderr, /name +must .*2.*\n +count +must be at most 10, was 99/)
    const answered = await world.run(["answer", id, "name=Ann", "size=l", "days=mon"])
    assert.deepStrictEqual([answered.code, answered.stderr], [0, ""])
    assert.deepStrictEqual(JSON.parse(answered.stdout), {
      action: "accept",
      content: { name: "Ann", size: "l", days: ["mon"] }
    })
    const again = await world.run(["answer", error.parked.call])
    assert.strictEqual(again.stdout, answered.stdout)
    const declined =
      JSON.parse((await world.run(["call", "talk.page", "--park", "--json"])).stderr).error.parked.questions[0]
    const { code, stdout } = await world.run(["answer", declined.id, "--decline"])
    assert.deepStrictEqual([code, JSON.parse(stdout)], [0, { action: "decline" }])
    assert.match((await world.run(["answer", declined.id, "name=x"])).stderr, /no question \S+ waits for an answer/)
    assert.strictEqual((await world.run(["call", "talk.ask", "--park", "--no-daemon"])).code, 2)
  })
})

describe("holdfast batch", () => {
  it("reads no more than it can run, and writes no more than is taken", async () => {
    await using world = TalkingWorld.make(false)
    // Far more than two pipes hold, of which nothing is read.
    const lines = Array.from({ length: 2000 }, (_, id) => call(id, "echo", { text: "x".repeat(1000) }))
    const child = world.start("batch", "-j", "2")
    child.stdin?.end(lines.join(""))
    const calls = (): number => world.record().filter((each) => each.startsWith("call echo")).length
    await until(() => calls() > 20)
    // It stands still once the pipe of its results is full. One that does not makes all of the calls while nothing is read.
    let before = -1
    let still = 0
    await until(() => {
      const now = calls()
      still = now === before ? still + 1 : 0
      before = now
      return still > 100
    })
    assert.isBelow(calls(), 1000)
    let stdout = ""
    let stderr = ""
    child.stdout?.setEncoding("utf8").on("data", (text: string) => stdout += text)
    child.stderr?.setEncoding("utf8").on("data", (text: string) => stderr += text)
    const code = await new Promise((resolve) => child.once("close", resolve))
    assert.deepStrictEqual([code, stderr], [0, "2000 ok, 0 failed, 1 process\n"])
    assert.lengthOf(stdout.trim().split("\n"), 2000)
  })

  it("ends when its reader has gone, and calls nothing else", async () => {
    await using world = TalkingWorld.make(false)
    const child = world.start("batch", "-j", "1")
    const lines = Array.from({ length: 500 }, (_, id) => call(id, "echo", { text: "x".repeat(5000) })).join("")
    child.stdin?.on("error", () => {}).end(lines)
    child.stdout?.once("data", () => child.stdout?.destroy())
    const code = await new Promise((resolve) => child.once("exit", resolve))
    assert.strictEqual(code, 0)
    assert.isBelow(world.record().filter((each) => each.startsWith("call echo")).length, 400)
  })

  it("has one process for 300 calls with the daemon, that of other commands", async () => {
    await using world = TalkingWorld.make(true)
    await world.run(["call", "talk.echo", "text=a"])
    const lines = Array.from({ length: 300 }, (_, id) => call(id, "echo", { text: String(id) })).join("")
    const { code, stderr, stdout } = await world.run(["batch", "-j", "8"], lines)
    assert.deepStrictEqual([code, stderr], [0, "300 ok, 0 failed, 1 process\n"])
    assert.strictEqual(new Set(stdout.trim().split("\n").map((line) => JSON.parse(line).id)).size, 300)
    assert.lengthOf(world.record().filter((line) => line.startsWith("start")), 1)
  })

  it("gives each call a process of its own with --no-reuse", async () => {
    await using world = TalkingWorld.make(true)
    const lines = [1, 2, 3].map((id) => call(id, "echo", { text: "a" })).join("")
    const { code, stderr } = await world.run(["batch", "--no-reuse", "--unchecked"], lines)
    assert.deepStrictEqual([code, stderr], [0, "3 ok, 0 failed, 3 processes\n"])
    assert.lengthOf(world.record().filter((line) => line.startsWith("start")), 3)
  })
})
