/**
 * A real nginx that runs what `docs/replicas.md` says: its `map`, its `upstream` and its `server`, word for word but for addresses, ports
 * and TLS. Everything that it writes is in a temporary directory; it needs no privileges.
 *
 * **Gotchas**: a request is in the log a moment after its last byte was sent, so a stream is there when it is over.
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import { Buffer } from "node:buffer"
import * as childProcess from "node:child_process"
import * as fs from "node:fs"
import * as net from "node:net"
import * as os from "node:os"
import * as path from "node:path"
import process from "node:process"
import { fileURLToPath } from "node:url"
import { eventually } from "./eventually.ts"

export class NginxFailed extends Data.TaggedError("NginxFailed")<{ readonly message: string }> {}

/** What nginx has to say of a request. `upstream` is empty where it answered itself, and names several where it tried several. */
export interface Served {
  readonly upstream: string
  readonly method: string
  readonly status: number
}

const document = fs.readFileSync(fileURLToPath(new URL("../../../../docs/replicas.md", import.meta.url)), "utf8")

/** What stands there exactly once, replaced: a test of something else than the document would be none. */
const replaceOnce = (text: string, from: string, to: string): string => {
  const parts = text.split(from)
  if (parts.length !== 2) throw new Error(`docs/replicas.md has ${parts.length - 1} times: ${from}`)
  return parts.join(to)
}

/** The two examples: the file for versions that learn, and the blocks for those that hash. */
const examples = (): { readonly learning: string; readonly hashing: string } => {
  const blocks = [...document.matchAll(/^```nginx\n(.*?)^```$/gms)].map(([, block = ""]) => block)
  const learning = blocks.filter((block) => block.includes("sticky learn"))
  const hashing = blocks.filter((block) => /^map /m.test(block))
  if (blocks.length !== 2 || learning.length !== 1 || hashing.length !== 1) {
    throw new Error("docs/replicas.md has other examples for nginx than it had")
  }
  return { learning: learning.join(""), hashing: hashing.join("") }
}

export interface NginxOptions {
  readonly replicas: readonly [number, number]
  /** In place of the document's. */
  readonly readTimeout?: string
}

const configuration = (port: number, { readTimeout, replicas: [one, other] }: NginxOptions): string => {
  const { hashing, learning } = examples()
  const server = /^server \{\n.*?^\}\n/ms.exec(learning)?.[0] ?? ""
  const upstream = replaceOnce(
    replaceOnce(hashing, "10.0.0.11:8080", `127.0.0.1:${one}`),
    "10.0.0.12:8080",
    `127.0.0.1:${other}`
  )
  const plain = replaceOnce(server, "listen 443 ssl;", `listen 127.0.0.1:${port};`)
    .split("\n")
    .filter((line) => !line.includes("ssl_certificate"))
    .join("\n")
  const read = "proxy_read_timeout 1h;"
  return `
# One process, which keeps its environment: a run that leaves it behind is found out.
daemon off;
master_process off;
pid nginx.pid;
events {}
http {
  log_format served escape=json
    '{"path":"$uri","upstream":"$upstream_addr","method":"$request_method","status":$status}';
  access_log access.log served;
  log_not_found off;
  client_body_temp_path body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  # Our streams ask for it themselves. Here the file has to do it.
  proxy_ignore_headers X-Accel-Buffering;
  ${upstream}
  ${readTimeout === undefined ? plain : replaceOnce(plain, read, `proxy_read_timeout ${readTimeout};`)}
}
`
}

const program = (): string => {
  const folders = [...(process.env["PATH"] ?? "").split(path.delimiter), "/usr/sbin"]
  const folder = folders.find((folder) => fs.existsSync(path.join(folder, "nginx")))
  if (folder === undefined) throw new Error("no nginx: install Debian's package nginx")
  return path.join(folder, "nginx")
}

const freePort = Effect.callback<number>((resume) => {
  const server = net.createServer().listen(0, "127.0.0.1", () => {
    const address = server.address()
    const port = typeof address === "object" && address !== null ? address.port : 0
    server.close(() => resume(Effect.succeed(port)))
  })
})

const temporaryDirectory = Effect.acquireRelease(
  Effect.sync(() => fs.mkdtempSync(path.join(os.tmpdir(), "holdfast-nginx-"))),
  (directory) => Effect.sync(() => fs.rmSync(directory, { recursive: true, force: true }))
)

const textOf = (file: string): string => fs.existsSync(file) ? fs.readFileSync(file, "utf8") : ""

const startOn = (port: number, options: NginxOptions) =>
  Effect.gen(function*() {
    const directory = yield* temporaryDirectory
    fs.writeFileSync(path.join(directory, "nginx.conf"), configuration(port, options))
    const command = ["-p", `${directory}/`, "-e", "error.log", "-c", "nginx.conf"]
    const child = yield* Effect.acquireRelease(
      Effect.sync(() => childProcess.spawn(program(), command, { stdio: "ignore", cwd: directory })),
      (child) =>
        Effect.callback<void>((resume) => {
          if (child.exitCode !== null || child.signalCode !== null) return resume(Effect.void)
          child.once("exit", () => resume(Effect.void))
          child.kill("SIGTERM")
        })
    )
    const log = path.join(directory, "error.log")
    const isOver = (): boolean => child.exitCode !== null || child.signalCode !== null
    // Written when it listens.
    const isReady = (): boolean => textOf(path.join(directory, "nginx.pid")).trim() === `${child.pid}`
    yield* eventually("nginx listens", () => isOver() || isReady())
    if (isOver()) return yield* new NginxFailed({ message: textOf(log) })
    /** Asks the program about its configuration: `-t` or `-T`. */
    const ask = (flag: string) => {
      const { status, stderr, stdout } = childProcess.spawnSync(program(), [...command, flag], { encoding: "utf8" })
      return { status, stderr, stdout }
    }
    const logged = (): ReadonlyArray<Served> =>
      textOf(path.join(directory, "access.log")).split("\n").slice(0, -1)
        .map((line) => JSON.parse(line))
        .filter((entry) => entry.path === "/mcp")
        .map(({ method, status, upstream }) => ({ method, status, upstream }))
    const origin = `http://127.0.0.1:${port}`
    return {
      port,
      url: `${origin}/mcp`,
      ask,
      errors: () => textOf(log),
      /** What is in the log by now. */
      logged,
      /** All that was answered: one process does one thing after the other, so what it answers next comes after what it has logged. */
      served: Effect.promise((signal) => fetch(`${origin}/other`, { signal }).then((answer) => answer.text())).pipe(
        Effect.map(logged)
      )
    }
  })

/** Runs until the Scope closes. Somebody else may take the port that was free: then on another one. */
export const start = (options: NginxOptions) =>
  Effect.flatMap(freePort, (port) => startOn(port, options)).pipe(Effect.retry({ times: 2 }), Effect.orDie)

/** A body of exactly so many bytes that the tool `echo` answers. */
export const echoOf = (bytes: number): string => {
  const bodyOf = (text: string): string =>
    JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "echo", arguments: { text } } })
  return bodyOf("x".repeat(bytes - Buffer.byteLength(bodyOf(""))))
}
