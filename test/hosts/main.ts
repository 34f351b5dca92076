/**
 * `pnpm hosts [NAME…]`: nightly. Real hosts from npm before a server behind `holdfast wrap`, without an account:
 *
 * - they have the server's tools, or say that they are connected, where they tell no more;
 * - the server and the daemon are killed with SIGKILL, and the next call, or the next look, finds both again; no call runs twice;
 * - when the host has left and the daemon was stopped nothing of the server is left.
 *
 * They are installed once, into `HOLDFAST_SERVERS_CACHE`, half a gigabyte some of them. Needs npm, Linux on x64, and a `/proc`.
 */
import * as fs from "node:fs"
import * as path from "node:path"
import { install, type NpmPackage } from "../interop/support/npmPackages.ts"
import * as Codex from "./codex.ts"
import * as World from "./HostWorld.ts"

interface Host extends NpmPackage {
  /** Its program, in the folder of its packages. */
  readonly program: string
  /** A sentence for each thing that was seen, and whether that is right. */
  readonly judge: (
    program: string,
    world: World.HostWorld
  ) => Promise<ReadonlyArray<readonly [seen: string, isRight: boolean]>>
}

/** What is seen of a host that holds the server: tools, and calls over both kills. */
const holding: Host["judge"] = async (program, world) => {
  const codex = await Codex.start(program, world)
  const seen: Array<readonly [string, boolean]> = []
  const tools = await codex.tools()
  seen.push([`tools: ${tools.join(", ")}`, tools.includes("echo")])
  let nonces = 0
  /** One that was on the way when its server was killed is told of, and the next one is a call of its own. */
  const call = async (): Promise<string> => {
    for (;;) {
      const said = await codex.call("count", `n${++nonces}`)
      if (said !== "OutcomeUnknown") return said
    }
  }
  const first = await call()
  seen.push([`call: ${first}`, first === "1"])
  for (const pid of world.servers()) await World.kill(pid)
  const second = await call()
  seen.push([`call after kill -9 of the server: ${second}`, second === "1"])
  const daemon = world.daemon()
  await World.kill(daemon)
  await World.until(() => !world.servers().some(World.isAlive))
  const third = await call()
  seen.push([`call after kill -9 of the daemon: ${third}`, third === "1" && world.daemon() !== daemon])
  const calls = world.record().filter((line) => line.startsWith("call "))
  seen.push([`${calls.length} of ${nonces} calls carried out, none twice`, new Set(calls).size === calls.length])
  await codex.leave()
  return seen
}

/** What is seen of a host that only looks: that it is connected, before and after both kills. */
const looking = (
  write: (world: World.HostWorld) => void,
  args: ReadonlyArray<string>,
  extra: Readonly<Record<string, string>> = {}
): Host["judge"] =>
async (program, world) => {
  write(world)
  /** Some of them wait for five seconds only, which the first start on a busy machine may take. */
  const look = async (): Promise<boolean> => {
    for (let i = 0; i < 5; i++) if (/\bconnected/i.test(await World.run(world, program, args, extra))) return true
    return false
  }
  const before = await look()
  for (const pid of [...world.servers(), world.daemon()]) await World.kill(pid)
  // What it had answered is in the catalogue: only a server that is there answers this.
  fs.rmSync(path.join(world.home, "holdfast", "catalogue"), { recursive: true, force: true })
  const count = world.servers().length
  const after = await look()
  return [
    [before ? "connected" : "NOT connected", before],
    [after ? "connected after kill -9 of server and daemon" : "NOT connected after the kills", after],
    [`${world.servers().length - count} process started by that`, world.servers().length > count]
  ]
}

const writeJson = (file: string, value: object): void => {
  fs.mkdirSync(path.dirname(file), { recursive: true })
  fs.writeFileSync(file, JSON.stringify(value))
}

const hosts: ReadonlyArray<Host> = [
  {
    name: "@openai/codex",
    version: "0.171.0",
    program: ".bin/codex",
    judge: holding
  },
  {
    name: "opencode-ai",
    version: "1.18.33",
    program: "opencode-linux-x64/bin/opencode",
    judge: looking(({ entry, home }) => {
      const rec = { type: "local", command: [entry.command, ...entry.args], environment: entry.env }
      writeJson(path.join(home, "opencode.json"), { mcp: { rec } })
    }, ["mcp", "list"])
  },
  {
    name: "@google/gemini-cli",
    version: "0.61.0",
    program: ".bin/gemini",
    judge: looking(
      ({ entry, home }) => writeJson(path.join(home, ".gemini", "settings.json"), { mcpServers: { rec: entry } }),
      ["mcp", "list"],
      { GEMINI_CLI_TRUST_WORKSPACE: "true" }
    )
  },
  {
    name: "@anthropic-ai/claude-code",
    version: "2.1.332",
    program: "@anthropic-ai/claude-code-linux-x64/claude",
    judge: looking(
      ({ entry, home }) => writeJson(path.join(home, ".claude.json"), { mcpServers: { rec: entry } }),
      ["mcp", "list"]
    )
  }
]

const chosen = process.argv.slice(2)
const meant = hosts.filter(({ name }) => chosen.length === 0 || chosen.includes(name))
if (meant.length === 0) {
  console.error(`there is no such host; there are: ${hosts.map(({ name }) => name).join(", ")}`)
  process.exit(2)
}
let isRight = true
const say = (host: string, words: string, isGood: boolean): void => {
  isRight &&= isGood
  console.log(`${isGood ? "  " : "X "}${host.padEnd(36)}  ${words}`)
}
for (const host of meant) {
  const label = `${host.name}@${host.version}`
  await using world = World.make()
  try {
    const program = path.join(install(host), "node_modules", host.program)
    for (const [words, isGood] of await host.judge(program, world)) say(label, words, isGood)
    const left = await world.leave()
    say(label, `${left} processes of the server left`, left === 0)
  } catch (error) {
    say(label, error instanceof Error ? error.message : String(error), false)
  }
}
process.exitCode = isRight ? 0 : 1
