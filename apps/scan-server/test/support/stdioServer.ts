/** The scan server over stdio as a process of its own, and a client that says what a test wants said. */
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { spawn } from "node:child_process"
import { program } from "./program.ts"

export interface Message {
  readonly id?: unknown
  readonly result?: Readonly<Record<string, unknown>>
  readonly error?: { readonly code: number; readonly message: string }
}

/** Waits for what must become true. The bound only keeps a broken test from hanging. */
export const eventually = (what: string, condition: () => boolean): Effect.Effect<void> =>
  Effect.sync(condition).pipe(
    Effect.repeat({ schedule: Schedule.spaced("10 millis"), until: (isTrue) => isTrue }),
    Effect.asVoid,
    Effect.timeoutOrElse({ duration: "2 minutes", orElse: () => Effect.die(new Error(`never happened: ${what}`)) })
  )

const prefix = "io.modelcontextprotocol/"

/** Serves the folder, and keeps its scans in the database. `nodeArgs`: for Node itself. */
export const start = (folder: string, database: string, nodeArgs: ReadonlyArray<string> = []) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const args = [...nodeArgs, program, "--stdio", "--root", folder, "--database", database]
      const child = spawn(process.execPath, args)
      let stderr = ""
      child.stderr.setEncoding("utf8").on("data", (text: string) => {
        stderr += text
        if (nodeArgs.length === 0) process.stderr.write(text)
      })
      child.stdin.on("error", () => {})
      const said: Array<Message> = []
      let rest = ""
      child.stdout.setEncoding("utf8").on("data", (text: string) => {
        const lines = (rest + text).split("\n")
        rest = lines.pop() ?? ""
        for (const line of lines) said.push(JSON.parse(line))
      })
      let isOver = false
      child.once("close", () => void (isOver = true))
      let last = 0
      const say = (message: object): void =>
        void child.stdin.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`)
      const answer = (id: unknown) =>
        Effect.map(
          eventually(`the answer to ${id}`, () => said.some((message) => message.id === id)),
          () => said.find((message) => message.id === id) ?? {}
        )
      /** In the session. */
      const ask = (method: string, params: object = {}) =>
        Effect.suspend(() => {
          const id = ++last
          say({ id, method, params })
          return answer(id)
        })
      /** Without a session, by a client that knows tasks or not. */
      const askModern = (method: string, params: object = {}, knowsTasks = true) =>
        ask(method, {
          ...params,
          _meta: {
            [`${prefix}protocolVersion`]: "2026-07-28",
            [`${prefix}clientCapabilities`]: knowsTasks ? { extensions: { [`${prefix}tasks`]: {} } } : {}
          }
        })
      const handshake = Effect.tap(
        ask("initialize", {
          protocolVersion: "2025-11-25",
          capabilities: {},
          clientInfo: { name: "raw", version: "1" }
        }),
        () => Effect.sync(() => say({ method: "notifications/initialized" }))
      )
      const ended = Effect.suspend(() => {
        child.stdin.end()
        return Effect.map(eventually("it has ended", () => isOver), () => child.exitCode)
      })
      return { child, ask, askModern, handshake, ended, stderr: () => stderr }
    }),
    ({ child }) => Effect.sync(() => child.kill("SIGKILL"))
  )
