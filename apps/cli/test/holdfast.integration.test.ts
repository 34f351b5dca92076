import { assert, describe, it } from "@effect/vitest"
import * as fs from "node:fs"
import { createRequire } from "node:module"
import * as path from "node:path"
import { finish, makeDirectory, run, spy, start } from "./support/Cli.ts"

const require = createRequire(import.meta.url)

const reference = (name: string, ...args: ReadonlyArray<string>) => {
  const manifest = require.resolve(`${name}/package.json`)
  const { bin } = require(manifest)
  const entry = typeof bin === "string" ? bin : String(Object.values(bin)[0])
  return { command: process.execPath, args: [path.join(path.dirname(manifest), entry), ...args] }
}

const everything = reference("@modelcontextprotocol/server-everything", "stdio")

const servers = (mcpServers: object) => ({ mcpServers })

/** Seconds in which a call of this server `spy` is answered with certainty: several times what one takes now, on this machine. */
const enoughFor = async (directory: string): Promise<number> => {
  const begun = performance.now()
  await run(directory, ["call", "spy", "echo", "text=a"])
  return Math.max(1, Math.ceil((performance.now() - begun) * 4 / 1000))
}

describe("holdfast call", () => {
  it("prints the tool's answer on stdout and nothing else, and exits with 0", async () => {
    using directory = makeDirectory(servers({ everything }))
    const ran = await run(directory.path, ["call", "everything", "echo", "message=hello there"])
    assert.deepStrictEqual(ran, { code: 0, stdout: "Echo: hello there\n", stderr: "" })
  })

  it("reads files through the filesystem server", async () => {
    using directory = makeDirectory()
    fs.writeFileSync(path.join(directory.path, "note.txt"), "a note")
    fs.writeFileSync(
      path.join(directory.path, ".mcp.json"),
      JSON.stringify(servers({ fs: reference("@modelcontextprotocol/server-filesystem", directory.path) }))
    )
    const file = path.join(directory.path, "note.txt")
    const ran = await run(directory.path, ["call", "fs.read_text_file", `path=${file}`])
    assert.deepStrictEqual([ran.code, ran.stdout], [0, "a note\n"])
  })

  it("types arguments by the tool's schema, and takes them as words, as JSON and from stdin", async () => {
    using directory = makeDirectory(servers({ spy: spy("polite") }))
    const words = await run(directory.path, ["call", "spy", "echo", "text=ab", "times=2"])
    assert.deepStrictEqual([words.code, words.stdout], [0, "abab\n"])
    const json = await run(directory.path, ["call", "spy.echo", "--args", `{"text":"ab","times":3}`])
    assert.deepStrictEqual([json.code, json.stdout], [0, "ababab\n"])
    const stdin = await run(directory.path, ["call", "spy.echo", "-"], `{"text":"x"}`)
    assert.deepStrictEqual([stdin.code, stdin.stdout], [0, "x\n"])
  })

  it("types the arguments of a tool whose alternatives are at the root of its schema", async () => {
    using directory = makeDirectory(servers({ spy: spy("polite") }))
    const [id, name, tools] = await Promise.all([
      run(directory.path, ["call", "spy", "either", "id=7"]),
      run(directory.path, ["call", "spy", "either", "name=7"]),
      run(directory.path, ["tools", "spy.either"])
    ])
    assert.deepStrictEqual([id.stdout, name.stdout], ["{\"id\":7}\n", "{\"name\":\"7\"}\n"])
    assert.match(tools.stdout, /id +integer\n +name +string/)
  })

  it("refuses arguments that do not fit, and shows what the tool takes", async () => {
    using directory = makeDirectory(servers({ spy: spy("polite") }))
    for (const args of [["times=2"], ["text=a", "times=many"], ["text=a", "tmes=2"]]) {
      const ran = await run(directory.path, ["call", "spy", "echo", ...args])
      assert.deepStrictEqual([ran.code, ran.stdout], [2, ""], args.join(" "))
      assert.match(ran.stderr, /text +string +required/)
      assert.match(ran.stderr, /times +integer/)
    }
  })

  it("prints the whole result with --json", async () => {
    using directory = makeDirectory(servers({ spy: spy("polite") }))
    const ran = await run(directory.path, ["call", "spy", "echo", "text=a", "--json"])
    assert.deepStrictEqual(JSON.parse(ran.stdout), { content: [{ type: "text", text: "a" }], isError: false })
  })

  it("gives a slow reader every byte of a large result, as text and as JSON", async () => {
    using directory = makeDirectory(servers({ spy: spy("polite") }))
    const words = ["call", "spy", "echo", "text=0123456789", "times=300000"]
    const [plain, json] = await Promise.all([words, [...words, "--json"]].map(async (args) => {
      const child = start(directory.path, args)
      // Until a pipe's worth is there nobody reads, and then nobody for a while.
      await new Promise((resolve) => child.stdout?.once("readable", resolve))
      await new Promise((resolve) => setTimeout(resolve, 300))
      return finish(child)
    }))
    assert.deepStrictEqual([plain?.code, plain?.stdout.length], [0, 3_000_001])
    assert.deepStrictEqual([json?.code, JSON.parse(json?.stdout ?? "").content[0].text.length], [0, 3_000_000])
  }, 60_000)

  it("exits with 1 when the tool says isError, and still prints what it said", async () => {
    using directory = makeDirectory(servers({ spy: spy("polite") }))
    const ran = await run(directory.path, ["call", "spy", "fail"])
    assert.strictEqual(ran.code, 1)
    assert.match(ran.stdout + ran.stderr, /it went wrong/)
  })

  it("exits with 6 when the server dies in a call that may have run, with the exit code of the server", async () => {
    using directory = makeDirectory(servers({ spy: spy("polite") }))
    const ran = await run(directory.path, ["call", "spy", "die"])
    assert.strictEqual(ran.code, 6)
    assert.match(ran.stderr, /may have run/)
    assert.match(ran.stderr, /exited with code 9/)
  })

  it("exits with 5 at its deadline", async () => {
    using directory = makeDirectory(servers({ spy: spy("polite") }))
    const ran = await run(directory.path, ["call", "spy", "never", "--deadline", `${await enoughFor(directory.path)}s`])
    assert.strictEqual(ran.code, 5)
    // What is left of the deadline when the tools are known.
    assert.match(ran.stderr, /spy: tools\/call of never got no answer in [0-9.]+ m?s/)
  })

  it("finds what is wrong with its words before a server is started", async () => {
    using directory = makeDirectory()
    const started = path.join(directory.path, "started")
    fs.writeFileSync(
      path.join(directory.path, ".mcp.json"),
      JSON.stringify(servers({ spy: { command: "/bin/sh", args: ["-c", `touch "${started}"`] } }))
    )
    const cases = [["text:=[1"], ["text=@none"], ["--args", "{bad"], ["text"], ["--args", "[]"], ["-"]]
    for (const args of cases) {
      const ran = await run(directory.path, ["call", "spy", "echo", ...args], "{bad")
      assert.deepStrictEqual([ran.code, ran.stdout], [2, ""], args.join(" "))
      assert.isFalse(fs.existsSync(started), args.join(" "))
    }
    await run(directory.path, ["call", "spy", "echo", "text=a", "--deadline", "1m"])
    assert.isTrue(fs.existsSync(started), "the server of this test does not say that it was started")
  })
})

describe("bad input gets a clear error", () => {
  it("an unknown server: near names", async () => {
    using directory = makeDirectory(servers({ filesystem: spy("polite") }))
    const ran = await run(directory.path, ["call", "filesytem", "echo"])
    assert.strictEqual(ran.code, 2)
    assert.match(ran.stderr, /unknown server "filesytem"; did you mean filesystem\?/)
  })

  it("an unknown tool: near names", async () => {
    using directory = makeDirectory(servers({ spy: spy("polite") }))
    const ran = await run(directory.path, ["call", "spy", "ecko"])
    assert.strictEqual(ran.code, 2)
    assert.match(ran.stderr, /no tool "ecko"; did you mean echo\?/)
  })

  it("a command that does not exist: where it was looked for, without retries", async () => {
    using directory = makeDirectory(servers({ gone: { command: "no-such-command-of-ours" } }))
    const ran = await run(directory.path, ["call", "gone", "x"])
    assert.strictEqual(ran.code, 4)
    assert.match(ran.stderr, /gone: command not found: no-such-command-of-ours \(searched .*\/bin/)
  })

  it("a server that exits at once: exit code and stderr", async () => {
    using directory = makeDirectory(servers({ crash: spy("crash") }))
    const ran = await run(directory.path, ["call", "crash", "x"])
    assert.strictEqual(ran.code, 4)
    assert.match(ran.stderr, /exited with code 3/)
    assert.match(ran.stderr, /cannot open the database/)
  })

  it("a server that prints noise on stdout works all the same", async () => {
    using directory = makeDirectory(servers({ noise: spy("noise") }))
    const ran = await run(directory.path, ["call", "noise", "echo", "text=a"])
    assert.deepStrictEqual([ran.code, ran.stdout], [0, "a\n"])
  })

  it("a server that is slow to start behind npx: says that it may be downloading", async () => {
    using directory = makeDirectory()
    const npx = path.join(directory.path, "npx")
    fs.writeFileSync(npx, `#!/bin/sh\nexec "${process.execPath}" "${spy("silent").args[0]}" silent\n`, { mode: 0o755 })
    fs.writeFileSync(
      path.join(directory.path, ".mcp.json"),
      JSON.stringify(servers({ slow: { command: npx, holdfast: { connectTimeout: "1 second" } } }))
    )
    const ran = await run(directory.path, ["call", "slow", "x"])
    assert.strictEqual(ran.code, 4)
    assert.match(ran.stderr, /slow: no handshake in 1 s; npx may still be downloading/)
    assert.match(ran.stderr, /connectTimeout/)
  })

  it("an url where nobody listens", async () => {
    using directory = makeDirectory(servers({ web: { url: "http://127.0.0.1:9/mcp" } }))
    const ran = await run(directory.path, ["call", "web", "x"])
    assert.strictEqual(ran.code, 4)
    assert.match(ran.stderr, /web: cannot reach http:\/\/127\.0\.0\.1:9\/mcp: connection refused/)
  })

  it("a malformed config: file, line and column, or the path of the value", async () => {
    using broken = makeDirectory(`{ "mcpServers": { "a": }`)
    const syntax = await run(broken.path, ["tools"])
    assert.strictEqual(syntax.code, 3)
    assert.match(syntax.stderr, /\.mcp\.json:1:24: expected/)
    using wrong = makeDirectory(servers({ a: { command: 7 } }))
    const value = await run(wrong.path, ["tools"])
    assert.strictEqual(value.code, 3)
    assert.match(value.stderr, /mcpServers\.a\.command: expected .*string/)
  })

  it("no config at all: what was looked for", async () => {
    using directory = makeDirectory()
    const ran = await run(directory.path, ["tools"])
    assert.strictEqual(ran.code, 3)
    assert.match(ran.stderr, /\.mcp\.json/)
    assert.match(ran.stderr, /mcp\.json/)
  })
})

describe("holdfast tools", () => {
  it("lists what works and says what does not: one broken server hides no other", async () => {
    using directory = makeDirectory(servers({ spy: spy("polite"), crash: spy("crash") }))
    const ran = await run(directory.path, ["tools"])
    assert.strictEqual(ran.code, 4)
    assert.match(ran.stdout, /^spy\.echo +text \[times\]/m)
    assert.match(ran.stderr, /crash: .* exited with code 3/)
  })

  it("shows the servers that answer although one hangs, at the deadline", async () => {
    using directory = makeDirectory(servers({ hung: spy("silent"), spy: spy("polite") }))
    using polite = makeDirectory(servers({ spy: spy("polite") }))
    const seconds = await enoughFor(polite.path)
    const ran = await run(directory.path, ["tools", "--deadline", `${seconds} seconds`])
    assert.strictEqual(ran.code, 5)
    assert.match(ran.stdout, /^spy\.echo +text \[times\]/m)
    assert.include(ran.stderr, `hung: tools/list got no answer in ${seconds} s`)
    const one = await run(directory.path, ["tools", "hung", "--deadline", "500ms"])
    assert.deepStrictEqual([one.code, one.stdout], [5, ""])
  })

  it("as JSON", async () => {
    using directory = makeDirectory(servers({ spy: spy("polite") }))
    const ran = await run(directory.path, ["tools", "spy", "--json"])
    assert.strictEqual(ran.code, 0)
    assert.match(ran.stdout, /"name":"echo"/)
    for (const line of ran.stdout.trim().split("\n")) JSON.parse(line)
  })
})

describe("the working directory", () => {
  it("is where the user is, in a clone too; a script of another package means its own", async () => {
    using root = makeDirectory()
    using user = makeDirectory(servers({ spy: spy("polite") }))
    const script = { INIT_CWD: user.path, npm_lifecycle_event: "holdfast" }
    const args = ["call", "spy", "echo", "text=a", "-c", ".mcp.json"]
    const clone = await finish(start(root.path, args, { ...script, npm_package_name: "holdfast-workspace" }))
    assert.deepStrictEqual([clone.code, clone.stdout], [0, "a\n"])
    const other = await finish(start(root.path, args, { ...script, npm_package_name: "of-somebody" }))
    assert.deepStrictEqual([other.code, other.stdout], [3, ""])
  })
})

describe("the end of the program", () => {
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    it(`${signal} in a call ends it with 130 and leaves no process`, async () => {
      using directory = makeDirectory()
      const pidFile = path.join(directory.path, "pid")
      const script = `echo $$ > "${pidFile}"; exec "${process.execPath}" "${spy("polite").args[0]}" polite`
      fs.writeFileSync(
        path.join(directory.path, ".mcp.json"),
        JSON.stringify(servers({ spy: { command: "/bin/sh", args: ["-c", script] } }))
      )
      const child = start(directory.path, ["call", "spy", "never", "--unchecked"])
      const ended = finish(child)
      const pid = await until(() => fs.existsSync(pidFile) && Number(fs.readFileSync(pidFile, "utf8")))
      // The handshake is answered within the call; wherever the signal comes, the end must be the same.
      child.kill(signal)
      const ran = await ended
      assert.deepStrictEqual([ran.code, ran.stdout], [130, ""])
      assert.isFalse(fs.existsSync(`/proc/${pid}`), `server ${pid} is still there`)
    })
  }
})

const until = async <A>(look: () => A | false | 0): Promise<A> => {
  for (let i = 0; i < 12_000; i++) {
    const found = look()
    if (found !== false && found !== 0) return found
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  throw new Error("what the test waits for did not happen within minutes")
}
