/** Clients of both versions of the SDK before servers behind `holdfast wrap`: what they list, call, hear and are asked. */
import { Client as ClientV2 } from "@modelcontextprotocol/client"
import { StdioClientTransport as StdioV2 } from "@modelcontextprotocol/client/stdio"
import { Client as ClientV1 } from "@modelcontextprotocol/sdk/client/index.js"
import { StdioClientTransport as StdioV1 } from "@modelcontextprotocol/sdk/client/stdio.js"
import { ElicitRequestSchema } from "@modelcontextprotocol/sdk/types.js"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { holdfast } from "../../Programs.ts"

const server = (name: string): string => path.resolve(import.meta.dirname, `${name}.ts`)

/** A user with a daemon, which has ended when this is disposed of. */
export const makeHome = () => {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), "hf-bridges-"))
  const env = { PATH: process.env["PATH"] ?? "", HOME: directory, XDG_STATE_HOME: directory, XDG_RUNTIME_DIR: "" }
  const log = path.join(directory, "holdfast", "daemon.log")
  const isAlive = (pid: number): boolean => {
    try {
      return !/\) Z /.test(fs.readFileSync(`/proc/${pid}/stat`, "latin1"))
    } catch {
      // There is no such process.
      return false
    }
  }
  return {
    /** How the host starts the server. */
    command: (name: string, ...options: ReadonlyArray<string>) => ({
      command: process.execPath,
      args: [holdfast, "wrap", ...options, "--", process.execPath, server(name)],
      env
    }),
    async [Symbol.asyncDispose]() {
      const text = fs.existsSync(log) ? fs.readFileSync(log, "utf8") : ""
      const pids = [...text.matchAll(/as process (\d+)/g)].map((match) => Number(match[1]))
      for (const pid of pids) if (isAlive(pid)) process.kill(pid, "SIGTERM")
      while (pids.some(isAlive)) await new Promise((resolve) => setTimeout(resolve, 10))
      fs.rmSync(directory, { recursive: true, force: true })
    }
  }
}

type Reported = (report: { readonly progress: number }) => void

interface Host {
  readonly tools: () => Promise<ReadonlyArray<string>>
  readonly call: (name: string, args: Record<string, string>, onprogress?: Reported) => Promise<object>
}

/** What a host that works has to tell. */
export const right = {
  tools: ["ask", "echo", "report"],
  echo: "hi",
  progress: [1],
  report: "reported",
  ask: "you are Ann"
}

const look = async ({ call, tools }: Host): Promise<typeof right> => {
  const textOf = (result: object): string =>
    "content" in result && Array.isArray(result.content) ? String(result.content[0]?.text) : "nothing"
  const progress: Array<number> = []
  const echoes: Array<Promise<object>> = []
  const listed = (await tools()).toSorted()
  const echo = textOf(await call("echo", { text: "hi" }))
  const report = textOf(
    await call("report", {}, (told) => {
      progress.push(told.progress)
      echoes.push(call("echo", { text: "on" }))
    })
  )
  await Promise.all(echoes)
  return { tools: listed, echo, progress, report, ask: textOf(await call("ask", {})) }
}

export const asV1 = async (
  command: { readonly command: string; readonly args: Array<string>; readonly env: Record<string, string> }
) => {
  const client = new ClientV1({ name: "v1", version: "1" }, { capabilities: { elicitation: {} } })
  client.setRequestHandler(ElicitRequestSchema, () => ({ action: "accept", content: { name: "Ann" } }))
  // The SDK's declaration of its own transport does not allow for exact optional properties.
  await client.connect(new StdioV1(command) as Parameters<typeof client.connect>[0])
  try {
    return await look({
      tools: async () => (await client.listTools()).tools.map(({ name }) => name),
      call: (name, args, onprogress = () => {}) => client.callTool({ name, arguments: args }, undefined, { onprogress })
    })
  } finally {
    await client.close()
  }
}

/** `spoken`: the revision that is to be agreed on. */
export const asV2 = async (
  command: { readonly command: string; readonly args: Array<string>; readonly env: Record<string, string> },
  mode: "legacy" | "auto" | { readonly pin: string },
  spoken: string
) => {
  const client = new ClientV2(
    { name: "v2", version: "1" },
    { versionNegotiation: { mode }, capabilities: { elicitation: { form: {} } } }
  )
  client.setRequestHandler("elicitation/create", () => ({ action: "accept", content: { name: "Ann" } }))
  await client.connect(new StdioV2(command))
  try {
    const revision = client.getNegotiatedProtocolVersion()
    if (revision !== spoken) throw new Error(`${revision} was agreed on instead of ${spoken}`)
    return await look({
      tools: async () => (await client.listTools()).tools.map(({ name }) => name),
      call: (name, args, onprogress = () => {}) => client.callTool({ name, arguments: args }, { onprogress })
    })
  } finally {
    await client.close()
  }
}
