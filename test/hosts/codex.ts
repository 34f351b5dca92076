/**
 * `codex app-server` as a host: it lists the tools of a server and calls them without an account, by lines of JSON on its stdio.
 */
import { spawn } from "node:child_process"
import { once } from "node:events"
import * as fs from "node:fs"
import * as path from "node:path"
import { createInterface } from "node:readline"
import type { HostWorld } from "./HostWorld.ts"

export interface Codex {
  readonly tools: () => Promise<ReadonlyArray<string>>
  /** The text of its answer, or the name of the reason for which there is none. */
  readonly call: (tool: string, nonce: string) => Promise<string>
  readonly leave: () => Promise<void>
}

interface Answer {
  readonly result?: {
    readonly data?: ReadonlyArray<{ readonly name: string; readonly tools: object }>
    readonly thread?: { readonly id: string }
    readonly content?: ReadonlyArray<{ readonly text: string }>
  }
  readonly error?: { readonly message: string; readonly data?: { readonly reason?: string } }
}

export const start = async (program: string, { entry, environment, home }: HostWorld): Promise<Codex> => {
  const own = path.join(home, "codex")
  fs.mkdirSync(own)
  const env = Object.entries(entry.env).map(([name, value]) => `${name} = ${JSON.stringify(value)}`).join(", ")
  fs.writeFileSync(
    path.join(own, "config.toml"),
    `[mcp_servers.rec]\ncommand = ${JSON.stringify(entry.command)}\nargs = ${
      JSON.stringify(entry.args)
    }\nenv = { ${env} }\n`
  )
  const child = spawn(program, ["app-server"], {
    cwd: home,
    env: { ...environment, CODEX_HOME: own },
    stdio: ["pipe", "pipe", "ignore"]
  })
  const ended = once(child, "close")
  const waiting = new Map<number, (answer: Answer) => void>()
  createInterface({ input: child.stdout }).on("line", (line) => {
    const message: Answer & { readonly id?: number; readonly method?: string } = JSON.parse(line)
    if (message.id !== undefined && message.method === undefined) waiting.get(message.id)?.(message)
  })
  let ids = 0
  const ask = (method: string, params: object): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const id = ++ids
      waiting.set(id, resolve)
      void ended.then(() => reject(new Error(`codex has ended before it answered ${method}`)))
      child.stdin.write(`${JSON.stringify({ id, method, params })}\n`)
    })
  await ask("initialize", { clientInfo: { name: "holdfast", title: "holdfast", version: "1" } })
  child.stdin.write(`${JSON.stringify({ method: "initialized" })}\n`)
  const { result } = await ask("thread/start", { cwd: home })
  const threadId = result?.thread?.id
  return {
    tools: async () => {
      const { result } = await ask("mcpServerStatus/list", {})
      return Object.keys(result?.data?.find(({ name }) => name === "rec")?.tools ?? {})
    },
    call: async (tool, nonce) => {
      const params = { threadId, server: "rec", tool, arguments: { nonce } }
      const { error, result } = await ask("mcpServer/tool/call", params)
      return result?.content?.[0]?.text ?? error?.data?.reason ?? error?.message ?? "nothing"
    },
    leave: async () => {
      child.stdin.end()
      await ended
    }
  }
}
