/** What systemd itself, and a parser of property lists that is not ours, say of the units. */
import { assert, describe, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import * as DaemonUnit from "../src/DaemonUnit.ts"

const isThere = (command: string): boolean => spawnSync(command, ["--version"]).error === undefined

const options = {
  node: process.execPath,
  main: path.resolve(import.meta.dirname, "../src/main.ts"),
  environment: { PATH: "/usr/bin:/opt/100%/$bin", XDG_STATE_HOME: "/home/me/my \"state\"" }
}

describe("a unit of the daemon", () => {
  it.runIf(isThere("systemd-analyze"))("is one for systemd", () => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), "hf-unit-"))
    try {
      const verify = (text: string) => {
        const file = path.join(folder, "holdfast.service")
        fs.writeFileSync(file, text)
        const { status, stderr, stdout } = spawnSync("systemd-analyze", ["verify", "--user", file], {
          encoding: "utf8",
          env: { ...process.env, XDG_RUNTIME_DIR: folder }
        })
        return { status, said: stdout + stderr }
      }
      const text = DaemonUnit.systemd(options)
      assert.deepStrictEqual(verify(text), { status: 0, said: "" })
      const wrong = verify(text.replace("KillMode=mixed", "KillMode=soft").replace(process.execPath, "/no/such/node"))
      assert.match(wrong.said, /no\/such\/node|KillMode/)
    } finally {
      fs.rmSync(folder, { recursive: true })
    }
  })

  it.runIf(isThere("python3"))("is a property list for Python", () => {
    const program = "import json, plistlib, sys; print(json.dumps(plistlib.loads(sys.stdin.buffer.read())))"
    const { stderr, stdout } = spawnSync("python3", ["-c", program], {
      input: DaemonUnit.launchd(options),
      encoding: "utf8"
    })
    assert.strictEqual(stderr, "")
    const { EnvironmentVariables, ExitTimeOut, ProgramArguments } = JSON.parse(stdout)
    assert.deepStrictEqual(EnvironmentVariables, options.environment)
    assert.deepStrictEqual([ExitTimeOut, ProgramArguments], [30, [options.node, options.main, "daemon", "run"]])
  })
})
