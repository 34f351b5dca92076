/**
 * A real nginx that runs what `docs/replicas.md` says: its `map`, its `upstream` and its `server`, word for word but for addresses, ports
 * and TLS. Everything that it writes is in a temporary directory; it needs no privileges.
 *
 * **Gotchas**: a request is in the log a moment after its last byte was sent, so a stream is there when it is over.
 */
import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import * as path from "node:path"
import * as Debian from "./debianProgram.ts"
import { blocksOf, blockWith, pageOf, replaceOnce } from "./documentExample.ts"
import type { Served } from "./replicas.ts"

/** The two examples: the file for versions that learn, and the blocks for those that hash. */
const examples = (): { readonly learning: string; readonly hashing: string } => {
  const page = pageOf("replicas.md")
  if (blocksOf(page, "nginx").length !== 2) throw new Error("docs/replicas.md has other examples for nginx than it had")
  return {
    learning: blockWith(page, "nginx", "sticky learn"),
    hashing: blockWith(page, "nginx", "\nupstream mcp {\n    hash ")
  }
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

const textOf = (file: string): string => fs.existsSync(file) ? fs.readFileSync(file, "utf8") : ""

const startOn = (port: number, options: NginxOptions) =>
  Effect.gen(function*() {
    const directory = yield* Debian.temporaryDirectory("nginx")
    fs.writeFileSync(path.join(directory, "nginx.conf"), configuration(port, options))
    const command = ["-p", `${directory}/`, "-e", "error.log", "-c", "nginx.conf"]
    const pid = path.join(directory, "nginx.pid")
    const log = path.join(directory, "error.log")
    yield* Debian.run(Debian.pathOf("nginx"), command, {
      cwd: directory,
      // Written when it listens.
      isReady: Effect.sync(() => textOf(pid).trim() !== "")
    })
    /** Asks the program about its configuration: `-t` or `-T`. */
    const ask = (flag: string) => Debian.ask("nginx", [...command, flag])
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
  Effect.flatMap(Debian.freePort, (port) => startOn(port, options)).pipe(Effect.retry({ times: 2 }), Effect.orDie)
