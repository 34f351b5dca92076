/**
 * The programs that configs name as commands: whether they are found where their servers look for them, and whether they answer.
 *
 * Gotcha: an answer is asked for from those only that are known to give one without side effects.
 */
import type { ServerConfig } from "@holdfast/mcp/McpConfig"
import { nearNames } from "@holdfast/mcp/NearNames"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Path from "effect/Path"
import * as ChildProcess from "effect/process/ChildProcess"
import { ChildProcessSpawner } from "effect/process/ChildProcessSpawner"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import { oldestNode } from "../internal/nodeVersion.ts"
import { Shell } from "../Shell.ts"
import { firstLine } from "../Table.ts"
import { fault, type Finding, ok } from "./Finding.ts"

/** What a program is asked, and how it is got. */
interface Known {
  readonly version: ReadonlyArray<string>
  readonly install: string
}

const node: Known = {
  version: ["--version"],
  install: "Install Node.js. If a version manager such as nvm has it, its folder is in the PATH of your shell alone: " +
    "give the full path in the config"
}
const uv: Known = {
  version: ["--version"],
  install: "Install uv, which brings uvx along, or give the full path in the config"
}
const docker: Known = {
  // Asks the service behind it, too.
  version: ["version", "--format", "{{.Server.Version}}"],
  install: "Install it, or give the full path in the config"
}

const known: ReadonlyMap<string, Known> = new Map([
  ["node", node],
  ["npx", node],
  ["uv", uv],
  ["uvx", uv],
  ["docker", docker],
  ["podman", docker],
  ["python3", { version: ["--version"], install: "Install Python 3, or give the full path in the config" }]
])

/** The oldest that today's servers from npm run on. */
const oldestForServers = 18

/** How long a program may take to say its version. */
const patience = Duration.seconds(10)

/** A finding for each command, and one for the Node.js that runs this. */
export const check = Effect.fnUntraced(function*(servers: Iterable<ServerConfig>) {
  const { environment, node: own } = yield* Shell
  const wanted = new Map<
    string,
    {
      readonly command: string
      readonly path: string
      readonly cwd: string | undefined
      readonly servers: Array<string>
    }
  >()
  for (const { endpoint, name } of servers) {
    if (endpoint._tag !== "Stdio") continue
    const path = endpoint.env["PATH"] === undefined ? environment["PATH"] ?? "" : Redacted.value(endpoint.env["PATH"])
    const id = JSON.stringify([endpoint.command, path, endpoint.command.includes("/") ? endpoint.cwd : ""])
    const same = wanted.get(id)
    if (same === undefined) wanted.set(id, { command: endpoint.command, path, cwd: endpoint.cwd, servers: [name] })
    else same.servers.push(name)
  }
  const others = yield* Effect.forEach(wanted.values(), checkOne, { concurrency: "unbounded" })
  return [
    ok("toolchain", "holdfast", `runs on Node.js ${own.version}, ${own.path} (${oldestNode} or later is needed)`),
    ...others
  ]
})

const checkOne = Effect.fnUntraced(function*(
  { command, cwd, path, servers }: {
    readonly command: string
    readonly path: string
    readonly cwd: string | undefined
    readonly servers: ReadonlyArray<string>
  }
): Effect.fn.Return<Finding, never, FileSystem.FileSystem | Path.Path | ChildProcessSpawner | Shell> {
  const uses = `for ${servers.join(", ")}`
  const file = yield* find(command, path, cwd)
  const name = command.split("/").at(-1) ?? command
  const about = known.get(name)
  if (file === undefined) {
    const [near] = nearNames(command, known.keys())
    const where = command.includes("/") ? `there is no program ${command}` : "not found in PATH"
    const todo = about?.install ??
      (near === undefined
        ? "Install it, or give its full path in the config"
        : `Did you mean ${near}? Correct it in the config`)
    return fault("toolchain", command, `${where}; ${uses}`, todo)
  }
  if (about === undefined) return ok("toolchain", command, `${file}; ${uses}`)
  const answer = yield* ask(file, about.version, path)
  if (answer.version === undefined) {
    const todo = about === docker
      ? `Start the service of ${name}`
      : `Run ${[file, ...about.version].join(" ")} to see why`
    return fault("toolchain", command, `${file} does not work: ${answer.words}; ${uses}`, todo)
  }
  const major = Number(/^v?(\d+)\./.exec(answer.version)?.[1])
  if (name === "node" && major < oldestForServers) {
    const message = `${file} is ${answer.version}, too old for most servers; ${uses}`
    return fault("toolchain", command, message, `Update Node.js to ${oldestForServers} or later`)
  }
  return ok("toolchain", command, `${answer.version}, ${file}; ${uses}`)
})

/** Where the system finds it: a path as it is, from the server's working directory, or a name in PATH. */
const find = Effect.fnUntraced(function*(command: string, path: string, cwd: string | undefined) {
  const { join, resolve } = yield* Path.Path
  const fs = yield* FileSystem.FileSystem
  const { directory } = yield* Shell
  const from = resolve(directory, cwd ?? "")
  const candidates = command.includes("/")
    ? [resolve(from, command)]
    : path.split(":").map((folder) => join(resolve(from, folder), command))
  return yield* Effect.findFirst(
    candidates,
    (file) =>
      Effect.match(fs.stat(file), {
        onSuccess: ({ mode, type }) => type === "File" && (mode & 0o111) !== 0,
        onFailure: () => false
      })
  ).pipe(Effect.map((found) => found._tag === "Some" ? found.value : undefined))
})

/** What it says of its version. */
const ask = Effect.fnUntraced(function*(file: string, args: ReadonlyArray<string>, path: string) {
  const spawner = yield* ChildProcessSpawner
  const command = ChildProcess.make(file, args, { env: { PATH: path }, extendEnv: true, stdin: "ignore" })
  return yield* Effect.scoped(Effect.gen(function*() {
    const handle = yield* spawner.spawn(command)
    const { code, text } = yield* Effect.all({
      code: handle.exitCode,
      text: Stream.mkString(Stream.decodeText(handle.all))
    }, { concurrency: 2 })
    const words = firstLine(text)
    return code === 0 && words !== ""
      ? { version: words, words }
      : { version: undefined, words: words || `exit code ${code}` }
  })).pipe(
    Effect.timeoutOrElse({
      duration: patience,
      orElse: () => Effect.succeed({ version: undefined, words: `no answer in ${Duration.toSeconds(patience)} s` })
    }),
    Effect.catch((error) => Effect.succeed({ version: undefined, words: error.message }))
  )
})
