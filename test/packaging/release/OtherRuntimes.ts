/**
 * Bun and Deno, from npm: what works there is said, and holds up no release. Each try is a process of its own, in a folder where the packages are
 * installed.
 */
import { spawnSync } from "node:child_process"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { cleanEnvironment, npmFlags, run } from "../Tarballs.ts"

export interface Runtime {
  readonly name: string
  readonly version: string
  /** The package that holds its program for this machine, and where in it. */
  readonly package: string
  readonly program: string
  readonly run: ReadonlyArray<string>
}

const arch = process.arch === "arm64" ? { bun: "aarch64", deno: "arm64" } : { bun: "x64", deno: "x64" }

export const runtimes: ReadonlyArray<Runtime> = [
  { name: "Bun", version: "1.4.5", package: `@oven/bun-linux-${arch.bun}`, program: "bin/bun", run: ["run"] },
  {
    name: "Deno",
    version: "2.9.6",
    package: `@deno/linux-${arch.deno}-glibc`,
    program: "deno",
    run: ["run", "-A", "--node-modules-dir=manual"]
  }
]

/** What is tried, by the name that its row has. */
export const tries = [
  "import of each package",
  "a call over stdio",
  "a call over HTTP",
  "a host over HTTP",
  "a host over stdio"
] as const

/** Installs it into a folder of its own; the path of its program. */
export const installRuntime = (folder: string, runtime: Runtime): string => {
  Fs.mkdirSync(folder, { recursive: true })
  Fs.writeFileSync(Path.join(folder, "package.json"), JSON.stringify({ private: true }))
  run(folder, "npm", "install", ...npmFlags, `${runtime.package}@${runtime.version}`)
  return Path.join(folder, "node_modules", runtime.package, runtime.program)
}

/** Says what came of it: `works`, or why it does not. `folder`: where the packages and the consumer are. */
export const attempt = (folder: string, program: string, runtime: Runtime, what: (typeof tries)[number]): string => {
  const file = Path.join(folder, `try-${runtime.name}.mjs`)
  Fs.writeFileSync(file, programs[what])
  const { error, status, stderr, stdout } = spawnSync(program, [...runtime.run, file], {
    cwd: folder,
    encoding: "utf8",
    timeout: 60_000,
    killSignal: "SIGKILL",
    env: { ...cleanEnvironment(), NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1", TRY: [program, ...runtime.run].join(" ") }
  })
  const said = stdout.trim().split("\n").at(-1) ?? ""
  if (status === 0 && said.startsWith("works")) return said
  const first = `${stdout}\n${stderr}`.split("\n").find((line) => /error|fail|cannot|not /i.test(line)) ?? said
  return `does not: ${error === undefined ? `exit ${status}` : "no end within 60 s"}; ${first.trim().slice(0, 160)}`
}

const modules = ["core", "daemon", "dashboard", "jobs", "mcp", "process", "protocol", "server", "testkit"]

const programs: Readonly<Record<(typeof tries)[number], string>> = {
  "import of each package": `
const failed = []
for (const name of ${
    JSON.stringify(modules)
  }) await import("@holdfast/" + name).catch((error) => failed.push(name + " (" + error.message.split("\\n")[0] + ")"))
console.log(failed.length === 0 ? "works: ${modules.length} packages" : "error: " + failed.join(", "))
process.exit(failed.length === 0 ? 0 : 1)`,
  "a call over stdio": `
import { openMcp } from "@holdfast/mcp/promise"
const mcp = await openMcp({ mcpServers: { local: { command: ${
    JSON.stringify(process.execPath)
  }, args: ["server.mjs"] } } })
const { text } = await mcp.call("local__echo", { text: "hello" })
await mcp.close()
console.log(text === "hello" ? "works" : "error: " + text)
process.exit(0)`,
  "a call over HTTP": `
import { openMcp } from "@holdfast/mcp/promise"
import { WebServer } from "./WebServer.ts"
const web = await WebServer.listen()
const mcp = await openMcp({ mcpServers: { web: { url: web.url } } })
const { text } = await mcp.call("web__shout", { text: "hello" })
await mcp.close()
console.log(text === "HELLO" ? "works" : "error: " + text)
process.exit(0)`,
  "a host over HTTP": `
import * as McpHost from "@holdfast/server/McpHost"
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js"
import * as Effect from "effect/Effect"
import * as HttpServer from "effect/http/HttpServer"
const server = () => new McpServer({ name: "tried", version: "1.0.0" })
const params = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "itself", version: "1.0.0" } }
const program = Effect.gen(function*() {
  const { address } = yield* HttpServer.HttpServer
  const { status } = yield* Effect.promise(() => fetch("http://127.0.0.1:" + address.port + "/mcp", {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/json, text/event-stream" },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "initialize", params })
  }))
  console.log(status === 200 ? "works" : "error: " + status)
  process.exit(status === 200 ? 0 : 1)
})
program.pipe(Effect.provide(McpHost.layerHttp({ server, port: 0, drainTimeout: 0 })), Effect.runPromise)`,
  "a host over stdio": `
import { spawn } from "node:child_process"
const [command, ...args] = process.env.TRY.split(" ")
const host = spawn(command, [...args, "stdioHost.ts"], { stdio: ["pipe", "pipe", "inherit"] })
const params = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "itself", version: "1.0.0" } }
host.stdin.write(JSON.stringify({ jsonrpc: "2.0", id: 1, method: "initialize", params }) + "\\n")
host.stdout.once("data", (line) => {
  host.kill("SIGKILL")
  console.log(String(line).includes("serverInfo") ? "works" : "error: " + line)
  process.exit(0)
})
host.once("exit", (code) => {
  console.log("error: the host has ended with " + code)
  process.exit(1)
})`
}
