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
import * as Tracer from "effect/Tracer"
import { Buffer } from "node:buffer"
import { spawn } from "node:child_process"
import * as path from "node:path"
import { contend, type Contender, withFibers, withPromises } from "./contending.ts"

const server = path.join(import.meta.dirname, "echo-server.ts")
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

/** Spans are made and kept by no exporter. */
const tracer = Tracer.make({ span: (options) => new Tracer.NativeSpan(options) })

const runtime = ({ hasDefaults = false, hasTracer = false, isInSpan = false }): Contender => (measure) => {
  const program = Effect.gen(function*() {
    const endpoint = Endpoint.stdio({ command: process.execPath, args: [server] })
    const config = yield* McpConfig.make({ echo: hasDefaults ? { endpoint } : { endpoint, era: "legacy" } })
    yield* Effect.provide(
      Effect.gen(function*() {
        const mcp = yield* McpConnections
        const run = yield* withFibers((input) => {
          const asked = { name: "echo", arguments: { ...input } }
          const plain = hasDefaults
            ? mcp.callTool("echo", asked)
            : mcp.callTool("echo", asked, { idempotent: false })
          return isInSpan ? Effect.withSpan(plain, "callTool") : plain
        })
        yield* Effect.promise(() => measure(run))
      }),
      McpConnections.layer(config)
    )
  })
  return Effect.runPromise(hasTracer ? Effect.provideService(program, Tracer.Tracer, tracer) : program)
}

const contenders: Readonly<Record<string, Contender>> = {
  floor,
  runtime: runtime({}),
  "runtime, defaults": runtime({ hasDefaults: true }),
  "runtime, a span each": runtime({ hasTracer: true }),
  "runtime, in a caller's span": runtime({ isInSpan: true }),
  "runtime, in a caller's span, with a tracer": runtime({ hasTracer: true, isInSpan: true }),
  "SDK v1": sdkV1,
  "SDK v2": sdkV2
}

await contend(contenders)
