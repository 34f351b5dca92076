/** A question before a config that came along is used, at a terminal. */
import { assert, describe, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
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

describe("a config that a repository brought along", () => {
  // `script` of other systems is another program.
  it.runIf(process.platform === "linux")("is asked about at a terminal, and used when the answer is yes", () => {
    using user = makeHome()
    user.write("repository/.git/HEAD", "")
    user.write(
      "repository/.cursor/mcp.json",
      JSON.stringify({ mcpServers: { fs: { command: "no-such-command", args: ["--token", "s3cret", "."] } } })
    )
    const cwd = path.join(user.home, "repository")
    const command = [...program, "tools"].map((word) => `'${word}'`).join(" ")
    // `script` gives the program a terminal of its own.
    const asked = spawnSync("script", ["-qec", command, "/dev/null"], {
      cwd,
      env: { ...process.env, ...user.environment },
      encoding: "utf8",
      input: "y\n"
    })
    assert.match(
      asked.stdout,
      /\.cursor\/mcp\.json came with this folder\. It starts or connects to:\s+fs: no-such-command --token … \.\s/
    )
    // It is used.
    assert.match(asked.stdout, /cannot start.*no-such-command|no-such-command.*not found/s)
    assert.notInclude(asked.stdout, "s3cret")
    assert.strictEqual(asked.status, 4)
  })
})
