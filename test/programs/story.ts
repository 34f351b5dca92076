/**
 * So many programs of all kinds that want the same server: one after another, at once, and over the death of everything below them. What is counted
 * is in the process table and in what the server has noted.
 */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import * as readline from "node:readline"
import { client as program, holdfast as cli } from "../Programs.ts"

const server = path.join(import.meta.dirname, "server.ts")

export interface Said {
  readonly text: string
  readonly said?: string
  readonly failed?: string
}

/** Calls with a text that nobody else has. */
type Call = (tool: string, text: string) => Promise<Said>

export interface Program {
  readonly pid: number
  readonly call: Call
  readonly end: () => Promise<void>
}

/** Those that still live, and what all of them were told. */
export interface Together {
  readonly programs: ReadonlyArray<Program>
  readonly said: ReadonlyArray<Said>
}

export interface Story extends AsyncDisposable {
  /** Programs of all kinds in turn, that call once and end. */
  readonly oneAfterAnother: (count: number) => Promise<Together>
  /** The same, that stay. Those of the command line call once. */
  readonly atOnce: (count: number) => Promise<Together>
  /** One that stays: a client of this kind behind a shim. */
  readonly open: (kind: Kind) => Program
  /** The texts of all calls that the server has noted. */
  readonly calls: () => ReadonlyArray<string>
  readonly servers: () => ReadonlyArray<number>
  readonly daemons: () => ReadonlyArray<number>
  /** The processes of the world that live: programs, shims, daemon, servers. */
  readonly alive: () => ReadonlyArray<{ readonly pid: number; readonly parent: number; readonly command: string }>
  readonly stop: () => Promise<void>
}

export const kinds = [
  "holdfast call",
  "v1 wrap",
  "v2 connect",
  "effect wrap",
  "v1 connect",
  "v2 wrap",
  "effect connect"
] as const
export type Kind = (typeof kinds)[number]

export const make = (): Story => {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), "hfp-"))
  const log = path.join(directory, "log")
  const config = path.join(directory, ".mcp.json")
  fs.writeFileSync(config, JSON.stringify({ mcpServers: { one: { command: process.execPath, args: [server, log] } } }))
  // No more than the clients of the SDK hand down: with more, the servers of some programs were others.
  const environment = { PATH: process.env["PATH"], HOME: directory }
  const start = (args: ReadonlyArray<string>): ChildProcessWithoutNullStreams =>
    spawn(process.execPath, args, { cwd: directory, env: environment })
  const shims: Readonly<Record<string, ReadonlyArray<string>>> = {
    wrap: ["wrap", "--shared", "--", process.execPath, server, log],
    connect: ["connect", "--shared", "one"]
  }
  const once: Call = (tool, text) =>
    new Promise((resolve) => {
      const child = start([cli, "call", `one.${tool}`, `text=${text}`])
      let [stdout, stderr] = ["", ""]
      child.stdout.on("data", (chunk) => stdout += String(chunk))
      child.stderr.on("data", (chunk) => stderr += String(chunk))
      child.once("close", (code) =>
        resolve(code === 0 ? { text, said: stdout.trimEnd() } : { text, failed: `${code} ${stderr}` }))
      child.stdin.end()
    })
  const open = (kind: Kind): Program => {
    const [client = "", shim = ""] = kind.split(" ")
    const child = start([program, client, process.execPath, cli, ...shims[shim] ?? []])
    const waiting = new Map<string, (said: Said) => void>()
    let stderr = ""
    child.stderr.on("data", (chunk) => stderr += String(chunk))
    readline.createInterface({ input: child.stdout }).on("line", (line) => {
      const said: Said = JSON.parse(line)
      waiting.get(said.text)?.(said)
      waiting.delete(said.text)
    })
    const closed = new Promise<void>((resolve) =>
      child.once("close", () => {
        for (const [text, tell] of waiting) tell({ text, failed: `${kind} has ended: ${stderr}` })
        resolve()
      })
    )
    child.stdin.on("error", () => {})
    return {
      pid: child.pid ?? 0,
      call: (tool, text) =>
        new Promise((resolve) => {
          waiting.set(text, resolve)
          child.stdin.write(`${tool} ${text}\n`)
        }),
      end: () => {
        child.stdin.end()
        return closed
      }
    }
  }
  let texts = 0
  const newText = (): string => `t${++texts}`
  const kindOf = (index: number): Kind => kinds[index % kinds.length] ?? kinds[0]
  const linesIn = (file: string, pattern: RegExp): ReadonlyArray<string> =>
    fs.existsSync(file) ? [...fs.readFileSync(file, "utf8").matchAll(pattern)].map(([, found = ""]) => found) : []
  const alive = () =>
    fs.readdirSync("/proc").filter((name) => /^\d+$/.test(name)).flatMap((name) => {
      try {
        const stat = fs.readFileSync(`/proc/${name}/stat`, "latin1")
        const [, state = "Z", parent = "0"] = /\) (\w) (\d+)/.exec(stat) ?? []
        const isOurs = fs.readFileSync(`/proc/${name}/environ`, "latin1").includes(`HOME=${directory}\0`)
        const command = fs.readFileSync(`/proc/${name}/cmdline`, "latin1").replaceAll("\0", " ")
        return isOurs && state !== "Z" ? [{ pid: Number(name), parent: Number(parent), command }] : []
      } catch {
        // It has ended in between.
        return []
      }
    })
  const stop = async (): Promise<void> => {
    await new Promise((resolve) => start([cli, "daemon", "stop"]).once("close", resolve))
    await until(() => alive().length === 0)
  }
  return {
    oneAfterAnother: async (count) => {
      const said: Array<Said> = []
      for (let index = 0; index < count; index++) {
        const kind = kindOf(index)
        if (kind === "holdfast call") said.push(await once("echo", newText()))
        else {
          const one = open(kind)
          said.push(await one.call("echo", newText()))
          await one.end()
        }
      }
      return { programs: [], said }
    },
    atOnce: async (count) => {
      const wanted = Array.from({ length: count }, (_, index) => kindOf(index))
      const programs = wanted.flatMap((kind) => kind === "holdfast call" ? [] : [open(kind)])
      const commands = wanted.filter((kind) => kind === "holdfast call")
      const said = await Promise.all([
        ...commands.map(() => once("echo", newText())),
        ...programs.map(({ call }) => call("echo", newText()))
      ])
      return { programs, said }
    },
    open,
    calls: () => linesIn(log, /^(?:echo|never) (.*)$/gm),
    servers: () => linesIn(log, /^start (\d+)$/gm).map(Number),
    daemons: () => linesIn(path.join(directory, ".local/state/holdfast/daemon.log"), /as process (\d+)/g).map(Number),
    alive,
    stop,
    async [Symbol.asyncDispose]() {
      for (const { pid } of alive()) {
        try {
          process.kill(pid, "SIGKILL")
        } catch {
          // It has ended in between.
        }
      }
      await until(() => alive().length === 0)
      fs.rmSync(directory, { recursive: true, force: true })
    }
  }
}

/** Waits for an event that nothing tells. The limit only keeps a broken test from hanging. */
export const until = async (look: () => boolean): Promise<void> => {
  for (let tries = 0; tries < 12_000; tries++) {
    if (look()) return
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  throw new Error("what the test waits for did not happen within minutes")
}
