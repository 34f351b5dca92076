/** The words about configs as processes: in pipes, and where the disk is full. */
import { assert, describe, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { runWithLimit } from "./support/fullDisk.ts"
import { program } from "./support/program.ts"

const makeHome = () => {
  const home = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), "hfh-")))
  const environment = { HOME: home, XDG_CONFIG_HOME: "", XDG_STATE_HOME: "", HOLDFAST_NO_DAEMON: "1" }
  return {
    home,
    environment,
    write: (file: string, text: string): string => {
      const absolute = path.join(home, file)
      fs.mkdirSync(path.dirname(absolute), { recursive: true })
      fs.writeFileSync(absolute, text)
      return absolute
    },
    [Symbol.dispose]: () => fs.rmSync(home, { recursive: true, force: true })
  }
}

describe("import and adopt", () => {
  it("print results on stdout and words on stderr, and write a file whole or not at all", () => {
    using user = makeHome()
    const { environment, home } = user
    const text = JSON.stringify({
      mcpServers: { fs: { command: "npx", args: ["-y", "server"], env: { API_KEY: "s3cret" } } }
    })
    const file = user.write(".cursor/mcp.json", text)
    const imported = spawnSync(program[0], [...program.slice(1), "import"], {
      cwd: home,
      env: { ...process.env, ...environment },
      encoding: "utf8"
    })
    assert.strictEqual(imported.status, 0, imported.stderr)
    assert.match(imported.stdout, /^SERVER +HOST +FILE +RUNS +NOTES$/m)
    assert.match(imported.stdout, /^fs +cursor +~\/\.cursor\/mcp\.json +npx -y server +the value of API_KEY stays in /m)
    assert.strictEqual(imported.stderr, "1 server new for .mcp.json; --write writes it\n")
    assert.notInclude(imported.stdout + imported.stderr, "s3cret")
    // The copy of it would be longer than any file may be; then the file itself, of which a copy is possible.
    for (
      const [length, message] of [[5000, /no copy of it can be kept.*longer/], [
        4085,
        /mcp\.json: it would be longer/
      ]] as const
    ) {
      const short = JSON.stringify({ mcpServers: { fs: { command: "npx", env: { A: "" } } } })
      const long = short.replace("\"\"", `"${"x".repeat(length - short.length)}"`)
      fs.writeFileSync(file, long)
      const full = runWithLimit(4, home, ["adopt", "cursor", "--write", "--program", "/h"], environment)
      assert.deepStrictEqual([full.status, full.signal], [3, null])
      assert.match(full.stderr, message)
      assert.strictEqual(fs.readFileSync(file, "utf8"), long)
      assert.deepStrictEqual(fs.readdirSync(path.dirname(file)), ["mcp.json"])
      const left = fs.readdirSync(path.join(home, ".local/state/holdfast"), { recursive: true, withFileTypes: true })
      assert.deepStrictEqual(left.filter((each) => each.isFile()), [])
    }
  })
})
