/** What the scan server says when it is started wrongly: as a process, by its exit code and its words. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { spawn } from "node:child_process"
import * as http from "node:http"
import { program } from "./support/program.ts"
import { plant, temporaryFolder } from "./support/temporaryFolder.ts"

/** Runs it to its end, in a folder. */
const run = (cwd: string, args: ReadonlyArray<string>) =>
  Effect.callback<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }>((resume) => {
    const child = spawn(process.execPath, [program, ...args], { cwd, stdio: ["ignore", "pipe", "pipe"] })
    let stdout = ""
    let stderr = ""
    child.stdout.on("data", (chunk) => stdout += String(chunk))
    child.stderr.on("data", (chunk) => stderr += String(chunk))
    child.once("close", (code) => resume(Effect.succeed({ code, stdout, stderr })))
    return Effect.sync(() => child.kill("SIGKILL"))
  }).pipe(Effect.timeout("2 minutes"), Effect.orDie)

const occupied = Effect.acquireRelease(
  Effect.callback<http.Server>((resume) => {
    const server = http.createServer()
    server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
  }),
  (server) => Effect.callback<void>((resume) => void server.close(() => resume(Effect.void)))
).pipe(Effect.map((server) => {
  const address = server.address()
  return typeof address === "object" && address !== null ? address.port : 0
}))

describe("the scan server, started wrongly", () => {
  it.live("says in one sentence what is wrong and what to do, and ends with 1", () =>
    Effect.gen(function*() {
      const folder = yield* temporaryFolder
      const port = yield* occupied
      plant(folder, {
        "a.txt": "a",
        "bad.json": "{\n  \"rules\": [\n    { \"id\": \"x\" \"name\": \"y\" }\n  ]\n}\n",
        "unfit.json": "{\"rules\":[{\"id\":\"x\",\"name\":\"y\",\"severity\":\"huge\",\"pattern\":\"z\"}]}",
        "junk.db": "this is no database at all, it only looks like a file of that name\n".repeat(100)
      })
      const cases: ReadonlyArray<readonly [ReadonlyArray<string>, ReadonlyArray<string>]> = [
        [["--root", "nowhere"], ["root nowhere", "no such folder", "name one"]],
        [["--root", "a.txt", "--stdio"], ["root a.txt", "no folder"]],
        [["--rules", "bad.json"], ["rules bad.json:3:17", "comma"]],
        [["--rules", "unfit.json"], ["rules unfit.json", "severity", "\"critical\""]],
        [["--rules", "nothing.json"], ["rules nothing.json", "no such file"]],
        [["--database", "none/x.db"], ["none/x.db", "check its path"]],
        [["--database", "junk.db"], ["junk.db", "move it away"]],
        [["--port", String(port)], [`port ${port}`, "in use", "set another port"]],
        [["--host", "0.0.0.0"], ["0.0.0.0", "set HOLDFAST_SCAN_TOKENS"]]
      ]
      yield* Effect.forEach(cases, ([args, words]) =>
        Effect.gen(function*() {
          const { code, stderr, stdout } = yield* run(
            folder,
            ["--port", "0", ...args].slice(args[0] === "--port" ? 2 : 0)
          )
          assert.match(stderr, /^holdfast-scan-server: [^\n]+\n$/, args.join(" "))
          for (const word of words) assert.include(stderr, word)
          assert.strictEqual(stdout, "")
          assert.strictEqual(code, 1)
        }), { concurrency: 2 })
    }))

  it.live("says so in a line of JSON where logs are", () =>
    Effect.gen(function*() {
      const folder = yield* temporaryFolder
      const { code, stderr } = yield* run(folder, ["--root", "nowhere", "--json-logs"])
      const line: unknown = JSON.parse(stderr)
      assert.deepInclude(line, {
        level: "ERROR",
        message: "root nowhere: there is no such folder; name one that is there"
      })
      assert.strictEqual(code, 1)
    }))

  it.live("is refused numbers that make no sense", () =>
    Effect.gen(function*() {
      const folder = yield* temporaryFolder
      for (const args of [["--port", "99999"], ["--threads", "0"]]) {
        const { code, stderr } = yield* run(folder, args)
        assert.match(stderr, /Invalid value for flag --(?:port|threads)/)
        assert.strictEqual(code, 1)
      }
    }))
})
