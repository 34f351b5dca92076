/**
 * One contender of the benchmark of stdio calls, alone in its process with a server of its own. Named by its argument, told by
 * messages what to measure, answers with figures.
 */
import { Endpoint, McpConfig, McpConnections } from "@holdfast/mcp"
import { Client as ClientV2 } from "@modelcontextprotocol/client"
import { StdioClientTransport as StdioClientTransportV2 } from "@modelcontextprotocol/client/stdio"
import { Client } from "@modelcontextprotocol/sdk/client/index.js"
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js"
import * as Effect from "effect/Effect"
import { Buffer } from "node:buffer"
import { spawn } from "node:child_process"
import * as path from "node:path"
import type { Failed } from "../ContenderProcess.ts"

/** What is asked for: `calls` calls, so many at once, and with how large an answer. */
export interface Task {
  readonly calls: number
  readonly inFlight: number
  readonly bytes?: number
}

/** What came of it. */
export interface Measured {
  readonly perSecond: number
  /** Processor time of the client, per call. */
  readonly cpuMicros: number
  /** Of every call, when one is made after the other. */
  readonly micros: ReadonlyArray<number>
}

const server = path.join(import.meta.dirname, "echo-server.ts")
const inputOf = ({ bytes }: Task) => bytes === undefined ? { text: "hello" } : { bytes }

type Run = (task: Task) => Promise<Measured>
type Contender = (measure: (run: Run) => Promise<void>) => Promise<void>

const clocked = async (task: Task, work: (micros: Array<number>) => Promise<unknown>): Promise<Measured> => {
  const micros: Array<number> = []
  const cpu = process.cpuUsage()
  const start = performance.now()
  await work(micros)
  const { system, user } = process.cpuUsage(cpu)
  return {
    perSecond: task.calls / (performance.now() - start) * 1000,
    cpuMicros: (user + system) / task.calls,
    micros
  }
}

const withPromises = (call: (input: object) => Promise<unknown>): Run => (task) =>
  clocked(task, (micros) => {
    const input = inputOf(task)
    const sender = async (): Promise<void> => {
      for (let i = 0; i < task.calls / task.inFlight; i++) {
        const start = performance.now()
        await call(input)
        if (task.inFlight === 1) micros.push((performance.now() - start) * 1000)
      }
    }
    return Promise.all(Array.from({ length: task.inFlight }, sender))
  })

/** Nothing but what the wire needs: JSON lines over a pipe, writes batched per turn, no queue, no deadline, no check. */
const floor: Contender = async (measure) => {
  const child = spawn(process.execPath, [server], { stdio: ["pipe", "pipe", "inherit"] })
  const waiting = new Map<number, (text: unknown) => void>()
  let out: Array<string> = []
  let id = 0
  let rest: Array<Buffer> = []
  child.stdout.on("data", (chunk: Buffer) => {
    rest.push(chunk)
    const end = chunk.lastIndexOf(10)
    if (end < 0) return
    const lines = Buffer.concat(rest).toString().split("\n")
    rest = [Buffer.from(lines.pop() ?? "")]
    for (const line of lines) {
      const message = JSON.parse(line)
      waiting.get(message.id)?.(message.result.content[0].text)
      waiting.delete(message.id)
    }
  })
  const flush = (): void => {
    child.stdin.write(out.join(""))
    out = []
  }
  await measure(withPromises((input) =>
    new Promise((resolve) => {
      waiting.set(++id, resolve)
      if (out.length === 0) setImmediate(flush)
      out.push(
        `${JSON.stringify({ jsonrpc: "2.0", id, method: "tools/call", params: { name: "echo", arguments: input } })}\n`
      )
    })
  ))
  child.stdin.end()
}

const sdkV1: Contender = async (measure) => {
  const client = new Client({ name: "bench", version: "1" })
  await client.connect(
    new StdioClientTransport({ command: process.execPath, args: [server], maxBufferSize: 64 * 1024 * 1024 })
  )
  await measure(withPromises((input) => client.callTool({ name: "echo", arguments: { ...input } })))
  await client.close()
}

const sdkV2: Contender = async (measure) => {
  const client = new ClientV2({ name: "bench", version: "1" })
  await client.connect(
    new StdioClientTransportV2({ command: process.execPath, args: [server], maxBufferSize: 64 * 1024 * 1024 })
  )
  await measure(withPromises((input) => client.callTool({ name: "echo", arguments: { ...input } })))
  await client.close()
}

const runtime = (isTraced: boolean): Contender => (measure) =>
  Effect.runPromise(Effect.gen(function*() {
    const endpoint = Endpoint.stdio({ command: process.execPath, args: [server] })
    const config = yield* McpConfig.make({ echo: { endpoint, era: "legacy" } })
    yield* Effect.provide(
      Effect.gen(function*() {
        const mcp = yield* McpConnections
        const context = yield* Effect.context()
        yield* Effect.promise(() =>
          measure((task) =>
            clocked(task, (micros) => {
              const plain = mcp.callTool("echo", { name: "echo", arguments: { ...inputOf(task) } }, {
                idempotent: false
              })
              const call = isTraced ? Effect.withSpan(plain, "callTool") : plain
              const sender = Effect.gen(function*() {
                for (let i = 0; i < task.calls / task.inFlight; i++) {
                  const start = performance.now()
                  yield* call
                  if (task.inFlight === 1) micros.push((performance.now() - start) * 1000)
                }
              })
              return Effect.runPromiseWith(context)(
                Effect.all(Array.from({ length: task.inFlight }, () => sender), {
                  concurrency: "unbounded",
                  discard: true
                })
              )
            })
          )
        )
      }),
      McpConnections.layer(config)
    )
  }))

const contenders: Readonly<Record<string, Contender>> = {
  floor,
  runtime: runtime(false),
  "runtime, a span each": runtime(true),
  "SDK v1": sdkV1,
  "SDK v2": sdkV2
}

/** Answers every task, if only with why it failed, until the other side hangs up. */
const measure = (run: Run): Promise<void> =>
  new Promise((resolve) => {
    process.on("message", (task: Task) =>
      void run(task).catch((error: unknown): Failed => ({ failed: String(error) })).then((said) =>
        process.send?.(said)
      ))
    process.once("disconnect", resolve)
    process.send?.("ready")
  })

await contenders[process.argv[2] ?? ""]?.(measure)
