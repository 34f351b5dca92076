/**
 * `pnpm servers [NAME…]`: nightly. Real servers from npm (`support/npmServers.ts`), each before our client and the official one:
 *
 * - the names of its tools are equal, and so are their schemas;
 * - killed with SIGKILL, it is started again, and the next question is answered;
 * - when our client is closed nothing of it is left running.
 *
 * The servers are installed once, into `HOLDFAST_SERVERS_CACHE` (default: `holdfast/servers` in the user's cache folder), without the
 * scripts of their packages. Each runs in an empty folder, which is its home. Needs npm, and a `/proc` for what is left.
 */
import { Endpoint, McpConfig, McpConnections } from "@holdfast/mcp"
import { Client } from "@modelcontextprotocol/sdk/client/index.js"
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import { randomUUID } from "node:crypto"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { isDeepStrictEqual } from "node:util"
import { install } from "./support/npmPackages.ts"
import { type NpmServer, npmServers } from "./support/npmServers.ts"

/** In the environment of every process of a run. */
const mark = "HOLDFAST_SERVERS_RUN"
const limit = "2 minutes"

interface Tool {
  readonly name: string
  readonly inputSchema: unknown
  readonly outputSchema?: unknown
}

interface Command {
  readonly args: ReadonlyArray<string>
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
}

interface Row {
  readonly server: string
  readonly tools: string
  readonly ours: string
  readonly theirs: string
  readonly names: string
  readonly schemas: string
  readonly killed: string
  readonly left: string
  readonly isRight: boolean
}

const programOf = ({ bin: wanted, name }: NpmServer, folder: string): string => {
  const home = path.join(folder, "node_modules", name)
  const { bin }: { readonly bin?: string | Readonly<Record<string, string>> } = JSON.parse(
    fs.readFileSync(path.join(home, "package.json"), "utf8")
  )
  const program = typeof bin === "string" ? bin : wanted === undefined ? Object.values(bin ?? {})[0] : bin?.[wanted]
  if (program === undefined) throw new Error(`${name} has no program`)
  return path.join(home, program)
}

const sorted = (tools: ReadonlyArray<Tool>): ReadonlyArray<Tool> =>
  tools.map(({ inputSchema, name, outputSchema }) => ({ name, inputSchema, outputSchema }))
    .toSorted((one, other) => one.name < other.name ? -1 : 1)

const since = (start: number): string => `${Math.round(performance.now() - start)} ms`

interface Asked {
  readonly tools: ReadonlyArray<Tool>
  readonly time: string
  /** The processes that answered, before and after the kill. */
  readonly pids: ReadonlyArray<number | undefined>
}

/** Our client: lists, kills the server, asks again, and closes. */
const ask = ({ args, cwd, env }: Command): Effect.Effect<Asked, unknown> =>
  Effect.gen(function*() {
    const start = performance.now()
    const endpoint = Endpoint.stdio({ command: process.execPath, args, cwd, env })
    const config = yield* McpConfig.make({ it: { endpoint } })
    const work = Effect.gen(function*() {
      const mcp = yield* McpConnections
      const tools = yield* mcp.listTools("it", { deadline: limit })
      const time = since(start)
      const pid = mcp.use("it", (connection) => Effect.succeed(connection.process?.pid))
      const before = yield* pid
      if (before !== undefined) process.kill(before, "SIGKILL")
      yield* mcp.request("it", { method: "tools/list" }, { deadline: limit })
      return { tools, time, pids: [before, yield* pid] }
    })
    // What it would log is in the table.
    return yield* Effect.provide(work, Layer.provide(McpConnections.layer(config), Logger.layer([])))
  })

/** The official client, version 1: lists, and closes. */
const askOfficial = ({ args, cwd, env }: Command) =>
  Effect.promise(async () => {
    const start = performance.now()
    const client = new Client({ name: "servers", version: "1" })
    try {
      const transport = new StdioClientTransport({
        command: process.execPath,
        args: [...args],
        cwd,
        env: { PATH: process.env["PATH"] ?? "", ...env },
        stderr: "ignore"
      })
      // The SDK's declaration of its own transport does not allow for exact optional properties.
      await client.connect(transport as Parameters<typeof client.connect>[0], { timeout: 120_000 })
      const tools: Array<Tool> = []
      let cursor: string | undefined
      do {
        const page = await client.listTools(cursor === undefined ? {} : { cursor }, { timeout: 120_000 })
        tools.push(...page.tools)
        cursor = page.nextCursor
      } while (cursor !== undefined)
      return { tools, time: since(start) }
    } finally {
      await client.close()
    }
  })

/** Processes that were started for this run and have not ended. */
const leftOf = (run: string): ReadonlyArray<number> =>
  fs.readdirSync("/proc").filter((name) => /^\d+$/.test(name)).map(Number).filter((pid) => {
    try {
      // That of a zombie is empty.
      return fs.readFileSync(`/proc/${pid}/environ`, "latin1").includes(`${mark}=${run}`)
    } catch {
      // It has ended meanwhile, or is somebody else's.
      return false
    }
  })

const end = (run: string): void => {
  for (const pid of leftOf(run)) {
    try {
      process.kill(pid, "SIGKILL")
    } catch {
      // It has ended meanwhile.
    }
  }
}

const failed = (cause: Cause.Cause<unknown>): string => {
  const error = Cause.squash(cause)
  return (error instanceof Error ? error.message : String(error)).split("\n")[0]?.slice(0, 160) ?? ""
}

/** Runs something before the server, in an empty folder, and says what is left of it. */
const before = <A, E>(server: NpmServer, program: string, f: (command: Command) => Effect.Effect<A, E>) =>
  Effect.acquireUseRelease(
    Effect.sync(() => ({ folder: fs.mkdtempSync(path.join(os.tmpdir(), "hf-servers-")), run: randomUUID() })),
    ({ folder, run }) => {
      const filled = (text: string): string => text.replaceAll("<folder>", folder)
      const env = Object.fromEntries(Object.entries(server.env ?? {}).map(([name, value]) => [name, filled(value)]))
      const command: Command = {
        args: [program, ...(server.args ?? []).map(filled)],
        cwd: folder,
        env: { HOME: folder, [mark]: run, ...env }
      }
      return Effect.map(Effect.exit(f(command)), (exit) => ({ exit, left: leftOf(run).length }))
    },
    ({ folder, run }) =>
      Effect.sync(() => {
        end(run)
        fs.rmSync(folder, { recursive: true, force: true })
      })
  )

const judge = (server: NpmServer): Effect.Effect<Row> =>
  Effect.gen(function*() {
    const program = yield* Effect.sync(() => programOf(server, install(server)))
    const ours = yield* before(server, program, ask)
    const theirs = yield* before(server, program, askOfficial)
    const row = { server: `${server.name}@${server.version}`, left: String(ours.left) }
    const nothing = { tools: "", ours: "", theirs: "", names: "", schemas: "", killed: "" }
    if (ours.exit._tag === "Failure") {
      return { ...row, ...nothing, ours: failed(ours.exit.cause), isRight: false }
    }
    const { pids: [first, second], time, tools } = ours.exit.value
    const isAnswered = first !== undefined && second !== undefined && first !== second
    const known = { tools: String(tools.length), ours: time, killed: isAnswered ? "answered" : "NOT answered" }
    if (theirs.exit._tag === "Failure") {
      return { ...row, ...nothing, ...known, theirs: failed(theirs.exit.cause), isRight: false }
    }
    const [one, other] = [sorted(tools), sorted(theirs.exit.value.tools)]
    const namesOf = (list: ReadonlyArray<Tool>) => list.map(({ name }) => name)
    const hasNames = isDeepStrictEqual(namesOf(one), namesOf(other))
    const different = one.filter((tool, index) =>
      !isDeepStrictEqual(JSON.parse(JSON.stringify(tool)), JSON.parse(JSON.stringify(other[index] ?? null)))
    )
    const hasSchemas = different.length === 0 && one.length === other.length
    return {
      ...row,
      ...known,
      theirs: theirs.exit.value.time,
      names: hasNames ? "equal" : "DIFFERENT",
      schemas: hasSchemas ? "equal" : `DIFFERENT: ${namesOf(different).join(", ").slice(0, 80)}`,
      isRight: isAnswered && hasNames && hasSchemas && ours.left === 0
    }
  }).pipe(Effect.catchCause((cause) =>
    Effect.succeed({
      server: `${server.name}@${server.version}`,
      tools: "",
      ours: failed(cause),
      theirs: "",
      names: "",
      schemas: "",
      killed: "",
      left: "",
      isRight: false
    })
  ))

const head = { server: "server", tools: "tools", ours: "ours", theirs: "official", names: "names", schemas: "schemas" }
const print = (row: Omit<Row, "isRight">): void =>
  console.log(
    [
      row.server.padEnd(60),
      row.tools.padStart(5),
      row.ours.padStart(9),
      row.theirs.padStart(9),
      row.names.padEnd(6),
      row.schemas.padEnd(8),
      row.killed.padEnd(12),
      row.left
    ].join("  ")
  )

const chosen = process.argv.slice(2)
const servers = npmServers.filter(({ name }) => chosen.length === 0 || chosen.includes(name))
if (servers.length === 0) {
  console.error(`there is no such server; there are: ${npmServers.map(({ name }) => name).join(", ")}`)
  process.exit(2)
}

print({ ...head, killed: "after kill", left: "left" })
const rows = await Effect.runPromise(
  Effect.forEach(servers, (server) => Effect.tap(judge(server), (row) => Effect.sync(() => print(row))))
)
const right = rows.filter(({ isRight }) => isRight).length
console.log(`${right} passed, ${rows.length - right} failed`)
process.exitCode = right === rows.length ? 0 : 1
