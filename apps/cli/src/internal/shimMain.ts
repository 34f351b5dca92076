/**
 * Wraps the platform: `holdfast connect <server>` and `holdfast wrap -- <command> [args…]` as this process.
 *
 * Nothing of Effect is loaded: there is one of these beside every host, and it is to be small.
 */
import * as DaemonPlace from "@holdfast/daemon/DaemonPlace"
import { DaemonRefusal } from "@holdfast/daemon/DaemonRefusal"
import * as Shim from "@holdfast/daemon/Shim"
import * as path from "node:path"
import { parseArgs } from "node:util"
import { isNativeError } from "node:util/types"
import * as connectFile from "./connectFile.ts"

/** As in `ExitCode`, which is not loaded here. */
const exitCode = { usage: 2, config: 3, cannotConnect: 4 } as const

interface Words {
  readonly wants: Shim.ShimOptions["wants"]
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly shared: boolean | undefined
  readonly handOn: boolean | undefined
  readonly eager: boolean | undefined
  readonly longCalls: number | undefined
  readonly modern: boolean | undefined
}

/** What is wrong with the words, and how to exit. */
class Misused extends Error {
  readonly exitCode: number

  constructor(message: string, code: number = exitCode.usage) {
    super(message)
    this.exitCode = code
  }
}

/** Whether the words are for this program. Help is the other's. */
export const isShim = ([word, ...rest]: ReadonlyArray<string>): boolean => {
  const end = rest.indexOf("--")
  const own = end < 0 ? rest : rest.slice(0, end)
  return (word === "connect" || word === "wrap") && !own.includes("--help") && !own.includes("-h")
}

/** Serves until the host has gone. */
export const main = async (argv: ReadonlyArray<string>): Promise<void> => {
  try {
    const words = argv[0] === "wrap" ? wrapWords(argv.slice(1)) : await connectWords(argv.slice(1))
    const place = placeOf(words)
    if (place === undefined) return
    await Shim.run({
      ...words,
      place,
      program: `holdfast ${argv[0]}`,
      input: process.stdin,
      output: process.stdout,
      onNotice: (message) => void process.stderr.write(`holdfast: ${message}\n`)
    })
    process.exit(0)
  } catch (error) {
    const isKnown = error instanceof Misused || error instanceof DaemonRefusal || isOfParseArgs(error)
    if (!isKnown) throw error
    process.stderr.write(`holdfast: ${error.message}\n`)
    process.exitCode = error instanceof Misused
      ? error.exitCode
      : error instanceof DaemonRefusal
      ? exitCode.cannotConnect
      : exitCode.usage
  }
}

/** Undefined: there is no place for a daemon, and the command has been started without one. */
const placeOf = ({ wants }: Words): DaemonPlace.DaemonPlace | undefined => {
  const isForbidden = (process.env["HOLDFAST_NO_DAEMON"] ?? "") !== ""
  try {
    if (!isForbidden) return DaemonPlace.open()
  } catch (error) {
    if (!(error instanceof DaemonRefusal) || !("endpoint" in wants)) throw error
    process.stderr.write(`holdfast: ${error.message}; the server runs for this host alone\n`)
  }
  if (!("endpoint" in wants)) {
    throw new Misused("connect needs the daemon, which HOLDFAST_NO_DAEMON forbids", exitCode.cannotConnect)
  }
  const { args, command } = wants.endpoint
  // Few need it, and it is a good part of what a shim would load.
  const { spawn } = process.getBuiltinModule("node:child_process")
  const child = spawn(command, args, { stdio: "inherit" })
  child.once("error", ({ message }) => {
    process.stderr.write(`holdfast: ${message}\n`)
    process.exitCode = exitCode.cannotConnect
  })
  // What is to end the shim is meant for the server.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => void child.kill(signal))
  child.once("exit", (code, signal) => process.exit(code ?? (signal === null ? 1 : 128)))
  return undefined
}

const common = {
  modern: { type: "boolean" },
  "long-calls": { type: "boolean" },
  "call-limit": { type: "string" },
  eager: { type: "boolean" },
  shared: { type: "boolean" },
  "no-hand-on": { type: "boolean" }
} as const

/** How long a call may take, in milliseconds. `ReadDuration` is not loaded here. */
const limitIn = (
  values: { readonly "long-calls"?: boolean | undefined; readonly "call-limit"?: string | undefined }
): number | undefined => {
  const said = values["call-limit"]
  if (said === undefined) return values["long-calls"] === true ? defaultLimit : undefined
  const [, amount, unit = ""] = /^\s*(\d+(?:\.\d+)?)\s*(ms|s|m|seconds?|minutes?)\s*$/.exec(said) ?? []
  const millis = Number(amount) * (unit === "ms" ? 1 : unit.startsWith("m") ? 60_000 : 1000)
  // A timer of Node knows no more.
  if (!(millis > 0 && millis < 2 ** 31)) {
    throw new Misused(`--call-limit: a duration such as 50s, 500ms or "2 minutes" is expected, not ${said}`)
  }
  return millis
}

/** Most hosts wait for a minute. */
const defaultLimit = 50_000

const connectWords = async (argv: ReadonlyArray<string>): Promise<Words> => {
  const { positionals, values } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: { ...common, config: { type: "string", short: "c" } }
  })
  const [server, ...more] = positionals
  if (server === undefined || more.length > 0) throw new Misused("say which server: holdfast connect [flags] <server>")
  const config = values.config ?? await searched(server)
  return {
    wants: { server, config: path.resolve(config) },
    environment: process.env,
    shared: values.shared,
    handOn: values["no-hand-on"] === true ? false : undefined,
    eager: values.eager,
    longCalls: limitIn(values),
    modern: values.modern
  }
}

const searched = async (server: string): Promise<string> => {
  const { file, untrusted } = await connectFile.choose(server, process.cwd())
  const leftOut = untrusted.map(({ shown }) =>
    `${shown} is left out: you have not trusted it as it is; holdfast tools --trust, there, does`
  )
  if (file === undefined) {
    const none = `no config: there is neither .mcp.json nor mcp.json in ${process.cwd()}`
    throw new Misused([none, ...leftOut].join("\n"), exitCode.config)
  }
  for (const line of leftOut) process.stderr.write(`holdfast: ${line}\n`)
  return file
}

const wrapWords = (argv: ReadonlyArray<string>): Words => {
  const end = argv.indexOf("--")
  const [command, ...args] = end < 0 ? [] : argv.slice(end + 1)
  if (command === undefined) throw new Misused("say which command: holdfast wrap [flags] -- <command> [args…]")
  const { values } = parseArgs({
    args: argv.slice(0, end),
    options: { ...common, env: { type: "string" }, name: { type: "string" } }
  })
  const { eager, env, name, shared } = values
  const kept = env?.split(",").map((each) => each.trim())
  return {
    wants: { endpoint: { command, args, cwd: process.cwd(), inheritEnv: true }, name },
    environment: kept === undefined ? process.env : Object.fromEntries(
      Object.entries(process.env).filter(([variable]) => kept.includes(variable) || always.includes(variable))
    ),
    shared,
    handOn: values["no-hand-on"] === true ? false : undefined,
    eager,
    longCalls: limitIn(values),
    modern: values.modern
  }
}

/** Without these hardly a program can be started. */
const always = ["PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "TMPDIR"]

const isOfParseArgs = (error: unknown): error is Error =>
  isNativeError(error) && "code" in error && String(error.code).startsWith("ERR_PARSE_ARGS")
