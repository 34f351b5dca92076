/**
 * A real HAProxy that runs what `docs/replicas.md` says, word for word but for addresses, ports, names of files and how often it looks after
 * its replicas. Everything that it writes is in a temporary directory; it needs no privileges.
 *
 * **Gotchas**: a request is in the log when it is over, so a stream is there when it has ended. That is because its bytes are counted there.
 */
import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import * as path from "node:path"
import * as Debian from "./debianProgram.ts"
import { blocksOf, blockWith, pageOf, replaceOnce } from "./documentExample.ts"
import { eventually } from "./eventually.ts"
import type { Served } from "./replicas.ts"

/** The two examples: the file, and what stands in place of one line of it. */
const examples = () => {
  const page = pageOf("replicas.md")
  if (blocksOf(page, "haproxy").length !== 2) throw new Error("docs/replicas.md has other examples for HAProxy")
  return {
    learning: blockWith(page, "haproxy", "\nfrontend mcp\n"),
    hashing: replaceOnce(blockWith(page, "haproxy", "balance hash"), "backend mcp\n", "")
  }
}

/** Where a replica is. */
export interface Target {
  readonly address: string
  readonly adminPort: number
}

export interface HaproxyOptions {
  readonly replicas: { readonly a: Target; readonly b: Target; readonly c?: Target }
  /** With the document's lines for what cannot be learned. Default: false. */
  readonly hashes?: boolean
  /** As a process that can reload its file. Default: false. */
  readonly reloads?: boolean
  /** In place of the document's. `check`: how long a replica may take to say how it is; a minute, which a busy machine needs. */
  readonly timeouts?: { readonly check?: string; readonly client?: string; readonly server?: string }
  /** A certificate with its key, for TLS. Default: none. */
  readonly certificate?: string
}

interface Place {
  readonly port: number
  readonly peerPort: number
  readonly directory: string
}

const configuration = ({ directory, peerPort, port }: Place, options: HaproxyOptions): string => {
  const { certificate, hashes = false, replicas: { a, b, c }, timeouts = {} } = options
  const { hashing, learning } = examples()
  let text = learning
  const replace = (from: string, to: string): void => void (text = replaceOnce(text, from, to))
  if (hashes) replace("    balance roundrobin\n", hashing)
  if (timeouts.client !== undefined) replace("timeout client 1m", `timeout client ${timeouts.client}`)
  if (timeouts.server !== undefined) replace("timeout server 1h", `timeout server ${timeouts.server}`)
  if (certificate === undefined) {
    replace(
      "bind :443 ssl crt /etc/haproxy/tls/mcp.example.org.pem alpn h2,http/1.1",
      `bind 127.0.0.1:${port}`
    )
  } else {
    replace(":443 ssl", `127.0.0.1:${port} ssl`)
    replace("/etc/haproxy/tls/mcp.example.org.pem", certificate)
  }
  replace("10.0.0.11:8080 check port 9464", `${a.address} check port ${a.adminPort}`)
  replace("10.0.0.12:8080 check port 9464", `${b.address} check port ${b.adminPort}`)
  if (c !== undefined) text += `    server c ${c.address} check port ${c.adminPort}\n`
  replace("127.0.0.1:10000", `127.0.0.1:${peerPort}`)
  // What is seen by the tests.
  replace(
    "global\n",
    `global
    nbthread 1
    stats socket ${path.join(directory, "stats")} level admin
`
  )
  replace(
    "frontend mcp\n",
    `frontend mcp
    log stdout format raw local0
    log-format '{"path":"%HP","upstream":"%si:%sp","method":"%HM","status":%ST,"bytes":%B}'
    http-request return status 204 if { path_beg /fence/ }
`
  )
  replace(
    "    option httpchk\n",
    `    option httpchk\n    timeout check ${timeouts.check ?? "1m"}\n    default-server inter 50ms fall 1 rise 1\n`
  )
  return text
}

/** What is in the log, without our own fences. */
const logOf = (output: string): ReadonlyArray<{ path: string } & Served> =>
  output.split("\n").filter((line) => line.startsWith("{") && line.endsWith("}")).map((line) => JSON.parse(line))

const startOn = (options: HaproxyOptions) =>
  Effect.gen(function*() {
    const directory = yield* Debian.temporaryDirectory("haproxy")
    const place = { directory, port: yield* Debian.freePort, peerPort: yield* Debian.freePort }
    const { port } = place
    const file = path.join(directory, "haproxy.cfg")
    fs.writeFileSync(file, configuration(place, options))
    const mode = options.reloads === true ? ["-W", "-db"] : ["-db"]
    const origin = `${options.certificate === undefined ? "http" : "https"}://127.0.0.1:${port}`
    const socket = path.join(directory, "stats")
    const program = yield* Debian.run(Debian.pathOf("haproxy"), [...mode, "-f", file], {
      cwd: directory,
      isReady: Effect.map(Debian.say(socket, "show info\n"), (answer) => answer.includes("Uptime"))
    })
    let fences = 0
    const logged = (): ReadonlyArray<Served> =>
      logOf(program.output()).filter(({ path }) => path === "/mcp").map(({ method, status, upstream }) => ({
        method,
        status,
        upstream
      }))
    return {
      port,
      url: `${origin}/mcp`,
      ...program,
      /** Asks the program about its configuration. */
      check: Debian.ask("haproxy", ["-c", "-V", "-f", file]),
      /** Says a command to it, as operators do. */
      command: (command: string) => Debian.say(socket, `${command}\n`),
      /** What is in the log by now. */
      logged,
      /** All that was answered: one thread does one thing after the other, so what it answers next comes after what it has logged. */
      served: Effect.gen(function*() {
        const fence = `/fence/${fences++}`
        yield* Debian.statusOf(`${origin}${fence}`)
        yield* eventually("the fence is in the log", () => program.output().includes(fence))
        return logged()
      })
    }
  })

/** Runs until the Scope closes. Somebody else may take a port that was free: then on others. */
export const start = (options: HaproxyOptions) => startOn(options).pipe(Effect.retry({ times: 2 }), Effect.orDie)
