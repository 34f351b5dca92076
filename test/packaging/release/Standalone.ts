/** The standalone executable: built, and its most important words, without a Node beside it. */
import { spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { root, run } from "../Tarballs.ts"

export const executable = Path.join(root, "dist/executable/holdfast")

/** The packages are to be built. */
export const build = (): string => {
  const said = run(root, process.execPath, "scripts/build-executable.ts", "--built")
  return `${Math.round(Fs.statSync(executable).size / 1e6)} MB; ${said.trim().split("\n").length} files`
}

/** Runs the words one after another; `PATH` leads to no Node. */
export const words = async (): Promise<string> => {
  // A socket's path is short: not in a folder of the release.
  const folder = Fs.mkdtempSync(Path.join(Os.tmpdir(), "sea-"))
  const env = {
    PATH: "/usr/bin:/bin",
    HOME: folder,
    XDG_RUNTIME_DIR: folder,
    XDG_STATE_HOME: folder,
    XDG_CONFIG_HOME: folder,
    NO_COLOR: "1"
  }
  Fs.chmodSync(folder, 0o700)
  const server = Path.join(import.meta.dirname, "../consumer/server.mjs")
  const mcpServers = { echo: { command: process.execPath, args: [server] } }
  Fs.writeFileSync(Path.join(folder, ".mcp.json"), JSON.stringify({ mcpServers }))
  const say = (args: ReadonlyArray<string>, input = ""): string => {
    const { status, stderr, stdout } = spawnSync(executable, args, {
      cwd: folder,
      env,
      input,
      encoding: "utf8",
      timeout: 300_000
    })
    if (status !== 0) throw new Error(`holdfast ${args.join(" ")} (exit ${status})\n${stdout}${stderr}`)
    return stdout
  }
  const must = (args: ReadonlyArray<string>, expected: RegExp, input?: string): string => {
    const said = say(args, input)
    if (!expected.test(said)) throw new Error(`holdfast ${args.join(" ")} printed\n${said}and not ${expected}`)
    return said
  }
  const hello = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "release", version: "1" } }
  const initialize = `${JSON.stringify({ jsonrpc: "2.0", id: 1, method: "initialize", params: hello })}\n`
  try {
    must(["--version"], /^\d+\.\d+\.\d+/)
    must(["tools"], /echo\.echo/)
    must(["call", "echo", "echo", "text=one file"], /^one file$/m)
    const status = must(["daemon", "status"], /echo +\d+/)
    // The daemon is the same file.
    const pid = /process (\d+)/.exec(status)?.[1] ?? ""
    if (process.platform === "linux" && Fs.readlinkSync(`/proc/${pid}/exe`) !== Fs.realpathSync(executable)) {
      throw new Error(`the daemon, process ${pid}, is another program`)
    }
    must(["wrap", "--", process.execPath, server], /"serverInfo":\{"name":"echo"/, initialize)
    must(["completion", "bash"], /_holdfast\(\)/)
    must(["__complete", "call", ""], /echo/)
    await page(folder, env)
    must(["daemon", "stop"], /(?:)/)
    // The next call starts another one.
    must(["call", "echo", "echo", "text=again"], /^again$/m)
    return "version, tools, call, status, wrap, completion, dashboard, daemon stop, and a call again"
  } finally {
    spawnSync(executable, ["daemon", "stop"], { cwd: folder, env })
    Fs.rmSync(folder, { recursive: true, force: true })
  }
}

/** The page is in the file, too. */
const page = async (folder: string, env: Readonly<Record<string, string>>): Promise<void> => {
  const program = spawn(executable, ["dashboard", "--no-open", "--json"], {
    cwd: folder,
    env,
    stdio: ["ignore", "pipe", "ignore"]
  })
  const ended = once(program, "exit")
  try {
    const [line] = await Promise.race([once(program.stdout, "data"), ended])
    // As docs/cli-json.md has it.
    const { port } = JSON.parse(String(line)) as { readonly port: number }
    const script = await fetch(`http://127.0.0.1:${port}/page.js`)
    const { length } = await script.text()
    if (script.status !== 200 || length < 1000) {
      throw new Error(`the page's script: ${script.status}, ${length} characters`)
    }
  } finally {
    program.kill()
    await ended
  }
}
