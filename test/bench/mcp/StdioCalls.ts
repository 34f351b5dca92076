/**
 * Calls over stdio, in turn: a raw client (the floor: JSON lines over a pipe, writes batched per turn), the whole runtime, and
 * the official SDK's client, each with a server of its own of the same kind.
 */
import { Endpoint, layer, McpConfig, McpConnections } from "@holdfast/mcp"
import { Client } from "@modelcontextprotocol/sdk/client/index.js"
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js"
import * as Effect from "effect/Effect"
import type { Buffer } from "node:buffer"
import { spawn } from "node:child_process"
import * as path from "node:path"
import * as readline from "node:readline"
import * as Report from "../Report.ts"

const server = path.join(import.meta.dirname, "echo-server.ts")
const inFlight = 64
const calls = 20_000
const sequential = 3000
const rounds = 5

interface Contender {
  readonly name: string
  readonly call: (text: string) => Promise<string>
  readonly close: () => Promise<unknown>
}

/** Nothing but what the wire needs. */
const floor = (): Contender => {
  const child = spawn(process.execPath, [server], { stdio: ["pipe", "pipe", "inherit"] })
  const waiting = new Map<number, (text: string) => void>()
  let out: Array<string> = []
  let id = 0
  readline.createInterface({ input: child.stdout }).on("line", (line) => {
    const message = JSON.parse(line)
    waiting.get(message.id)?.(message.result.content[0].text)
    waiting.delete(message.id)
  })
  const flush = (): void => {
    child.stdin.write(out.join(""))
    out = []
  }
  return {
    name: "floor",
    call: (text) =>
      new Promise((resolve) => {
        waiting.set(++id, resolve)
        if (out.length === 0) setImmediate(flush)
        out.push(
          `${
            JSON.stringify({ jsonrpc: "2.0", id, method: "tools/call", params: { name: "echo", arguments: { text } } })
          }\n`
        )
      }),
    close: () =>
      new Promise((resolve) => {
        child.once("exit", resolve)
        child.stdin.end()
      })
  }
}

const sdk = async (): Promise<Contender> => {
  const client = new Client({ name: "bench", version: "1" })
  await client.connect(new StdioClientTransport({ command: process.execPath, args: [server] }))
  return {
    name: "SDK",
    call: async (text) => {
      const { content } = await client.callTool({ name: "echo", arguments: { text } })
      // The server of this benchmark answers in this form.
      return (content as ReadonlyArray<{ readonly text: string }>)[0]?.text ?? ""
    },
    close: () => client.close()
  }
}

/** Many at once, each sender waiting for its answer. Calls per second, and the client's processor time per call. */
const throughput = async ({ call }: Contender) => {
  const cpu = process.cpuUsage()
  const start = performance.now()
  const sender = async (): Promise<void> => {
    for (let i = 0; i < calls / inFlight; i++) await call("hello")
  }
  await Promise.all(Array.from({ length: inFlight }, sender))
  const { system, user } = process.cpuUsage(cpu)
  return { perSecond: calls / (performance.now() - start) * 1000, cpuMicros: (user + system) / calls }
}

const latencies = async ({ call }: Contender): Promise<ReadonlyArray<number>> => {
  const micros: Array<number> = []
  for (let i = 0; i < sequential; i++) {
    const start = performance.now()
    await call("hello")
    micros.push((performance.now() - start) * 1000)
  }
  return micros
}

/** The runtime's calls are effects, run in fibers of the same kind for all: the senders are fibers too. */
const throughputOfRuntime = Effect.fnUntraced(function*(mcp: McpConnections["Service"]) {
  const call = mcp.callTool("echo", { name: "echo", arguments: { text: "hello" } }, { idempotent: false })
  const cpu = process.cpuUsage()
  const start = performance.now()
  const sender = Effect.gen(function*() {
    for (let i = 0; i < calls / inFlight; i++) yield* call
  })
  yield* Effect.all(Array.from({ length: inFlight }, () => sender), { concurrency: "unbounded", discard: true })
  const { system, user } = process.cpuUsage(cpu)
  return { perSecond: calls / (performance.now() - start) * 1000, cpuMicros: (user + system) / calls }
})

const latenciesOfRuntime = Effect.fnUntraced(function*(mcp: McpConnections["Service"]) {
  const micros: Array<number> = []
  for (let i = 0; i < sequential; i++) {
    const start = performance.now()
    yield* mcp.callTool("echo", { name: "echo", arguments: { text: "hello" } }, { idempotent: false })
    micros.push((performance.now() - start) * 1000)
  }
  return micros
})

/** One answer of 32 MB, read whole. */
const large = Effect.fnUntraced(function*(mcp: McpConnections["Service"]) {
  const bytes = 32 * 1024 * 1024
  const raw = Effect.callback<number>((resume) => {
    const child = spawn(process.execPath, [server], { stdio: ["pipe", "pipe", "inherit"] })
    const chunks: Array<Buffer> = []
    let begun = 0
    let isWarm = false
    const ask = (size: number): void =>
      void child.stdin.write(
        `${JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params: { arguments: { bytes: size } } })}\n`
      )
    child.stdout.on("data", (chunk: Buffer) => {
      chunks.push(chunk)
      if (chunk.at(-1) !== 10) return
      JSON.parse(chunks.map((part) => part.toString("latin1")).join(""))
      chunks.length = 0
      if (isWarm) {
        child.stdin.end()
        return resume(Effect.succeed(performance.now() - begun))
      }
      isWarm = true
      begun = performance.now()
      ask(bytes)
    })
    ask(1)
  })
  const ours = Effect.gen(function*() {
    const start = performance.now()
    yield* mcp.callTool("echo", { name: "echo", arguments: { bytes } }, { idempotent: false })
    return performance.now() - start
  })
  const samples: { readonly raw: Array<number>; readonly ours: Array<number> } = { raw: [], ours: [] }
  for (let round = 0; round < 5; round++) {
    samples.raw.push(yield* raw)
    samples.ours.push(yield* ours)
  }
  return { raw: Report.median(samples.raw), ours: Report.median(samples.ours) }
})

export const stdioCalls = Effect.scoped(Effect.gen(function*() {
  const endpoint = Endpoint.stdio({ command: process.execPath, args: [server] })
  const config = yield* McpConfig.make({ echo: { endpoint, era: "legacy" } })
  yield* Effect.provide(
    Effect.gen(function*() {
      const mcp = yield* McpConnections
      const raw = floor()
      const other = yield* Effect.promise(sdk)
      const names = ["floor", "runtime", "SDK"] as const
      const perSecond = new Map<string, Array<number>>(names.map((name) => [name, []]))
      const cpu = new Map<string, Array<number>>(names.map((name) => [name, []]))
      for (let round = 0; round <= rounds; round++) {
        for (const name of names) {
          const measured = name === "runtime"
            ? yield* throughputOfRuntime(mcp)
            : yield* Effect.promise(() => throughput(name === "floor" ? raw : other))
          // The first round warms up.
          if (round === 0) continue
          perSecond.get(name)?.push(measured.perSecond)
          cpu.get(name)?.push(measured.cpuMicros)
        }
      }
      const sequentials = {
        floor: yield* Effect.promise(() => latencies(raw)),
        runtime: yield* latenciesOfRuntime(mcp),
        SDK: yield* Effect.promise(() => latencies(other))
      }
      yield* Effect.promise(() => Promise.all([raw.close(), other.close()]))
      const rate = (name: string) => Report.median(perSecond.get(name) ?? [])
      const micros = (name: string) => Report.median(cpu.get(name) ?? [])
      Report.print(`${calls} calls over stdio, ${inFlight} at once, same server for all`, [
        ...names.map((name) => ({
          name,
          figure: `${rate(name).toFixed(0)} calls/s, ${micros(name).toFixed(1)} us of the client's processor each`
        })),
        {
          name: "runtime ÷ floor",
          figure: `${Report.round(rate("runtime") / rate("floor"))} ×`,
          gate: { value: rate("runtime") / rate("floor"), atLeast: 0.5, unit: "×" }
        },
        {
          name: "runtime ÷ SDK",
          figure: `${Report.round(rate("runtime") / rate("SDK"))} ×`,
          gate: { value: rate("runtime") / rate("SDK"), atLeast: 1.6, unit: "×" }
        }
      ])
      const p50 = (name: keyof typeof sequentials) => Report.median(sequentials[name])
      Report.print(`${sequential} calls one after the other`, [
        ...names.map((name) => ({
          name,
          figure: `p50 ${p50(name).toFixed(0)} us, p99 ${Report.percentile(sequentials[name], 0.99).toFixed(0)} us`
        })),
        {
          name: "runtime ÷ floor, p50",
          figure: `${Report.round(p50("runtime") / p50("floor"))} ×`,
          gate: { value: p50("runtime") / p50("floor"), atMost: 1.3, unit: "×" }
        }
      ])
      const result = yield* large(mcp)
      Report.print("One result of 32 MB", [
        { name: "raw reader", figure: `${result.raw.toFixed(0)} ms` },
        { name: "runtime", figure: `${result.ours.toFixed(0)} ms` },
        {
          name: "  ÷",
          figure: `${Report.round(result.ours / result.raw)} ×`,
          gate: { value: result.ours / result.raw, atMost: 1.5, unit: "×" }
        }
      ])
    }),
    layer(config)
  )
}))
