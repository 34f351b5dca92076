/** What the tests of faults share: our client and the SDK's on the same bad server, and waiting for what must happen. */
import { Endpoint, McpConfig, McpConnections, type McpRuntimeError } from "@holdfast/mcp"
import { Client } from "@modelcontextprotocol/sdk/client/index.js"
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js"
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import { TestClock } from "effect/testing"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"

export const program = path.join(import.meta.dirname, "bad-stdio.ts")

/** A bad stdio server: its command line, and what it has noted. */
export const badStdio = (fault: string) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => fs.mkdtempSync(path.join(os.tmpdir(), "hf-test-faults-"))),
      (folder) =>
        Effect.sync(() => {
          // Where a test fails, nobody may have closed it.
          for (const pid of pidsIn(path.join(folder, "log")).filter(isRunning)) process.kill(pid, "SIGKILL")
          fs.rmSync(folder, { recursive: true, force: true })
        })
    ),
    (folder) => {
      const log = path.join(folder, "log")
      const noted = (): ReadonlyArray<string> => notedIn(log)
      return {
        command: process.execPath,
        args: [program, fault, log],
        noted,
        count: (what: string) => noted().filter((line) => line.startsWith(what)).length,
        pids: () => pidsIn(log)
      }
    }
  )

const notedIn = (log: string): ReadonlyArray<string> =>
  fs.existsSync(log) ? fs.readFileSync(log, "utf8").split("\n").filter((line) => line !== "") : []

const pidsIn = (log: string): ReadonlyArray<number> =>
  notedIn(log).filter((line) => line.startsWith("started")).map((line) => Number(line.split(" ")[1]))

type Server = Parameters<typeof McpConfig.make>[0][string]

/** Our client, with this server under the name `bad`. */
export const ours = (server: Server) =>
  Effect.flatMap(Effect.orDie(McpConfig.make({ bad: server })), (config) => Effect.orDie(McpConnections.make(config)))

export const http = (url: string) => ({ endpoint: Endpoint.http({ url }), era: "legacy" } as const)
export const stdio = (
  { args, command }: { readonly command: string; readonly args: ReadonlyArray<string> }
) => ({ endpoint: Endpoint.stdio({ command, args }), era: "legacy" } as const)

export const work = { name: "work" } as const

/** The reason a call failed for. A call that succeeds fails the test. */
export const reasonOf = <A>(call: Effect.Effect<A, McpRuntimeError>): Effect.Effect<McpRuntimeError["reason"]> =>
  Effect.map(Effect.orDie(Effect.flip(call)), ({ reason }) => reason)

/** The SDK's client over HTTP, connected. */
export const sdkOverHttp = (url: string) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const client = new Client({ name: "sdk", version: "1" })
      client.onerror = () => {}
      // The SDK's declaration of its own transport does not allow for exact optional properties.
      await client.connect(new StreamableHTTPClientTransport(new URL(url)) as Parameters<typeof client.connect>[0])
      return client
    }),
    (client) => Effect.promise(() => client.close())
  )

export const sdkOverStdio = (
  server: { readonly command: string; readonly args: ReadonlyArray<string> },
  options: { readonly stderr?: "pipe" | "ignore" } = {}
) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const client = new Client({ name: "sdk", version: "1" })
      client.onerror = () => {}
      await client.connect(
        new StdioClientTransport({
          command: server.command,
          args: [...server.args],
          stderr: options.stderr ?? "ignore"
        })
      )
      return client
    }),
    (client) => Effect.promise(() => client.close())
  )

/** How the SDK's promise ends: with its result, or the message it rejects with. */
export const ended = (promise: () => Promise<unknown>): Effect.Effect<string> =>
  Effect.promise(() =>
    promise().then(() => "resolved", (error: unknown) => error instanceof Error ? error.message : String(error))
  )

/** Calls the SDK's tool with a timeout of its own. */
export const sdkCall = (client: Client, timeout = 120_000): Effect.Effect<string> =>
  ended(() => client.callTool({ name: "work" }, undefined, { timeout }))

/** In real time, whatever clock the test has. The bound only keeps a broken test from hanging. */
export const eventually = (what: string, condition: () => boolean): Effect.Effect<void> =>
  live(
    Effect.sync(condition).pipe(
      Effect.repeat({ schedule: Schedule.spaced("5 millis"), until: (isTrue) => isTrue }),
      Effect.asVoid,
      Effect.timeoutOrElse({ duration: "2 minutes", orElse: () => Effect.die(new Error(`never happened: ${what}`)) })
    )
  )

const live = <A, E>(effect: Effect.Effect<A, E>): Effect.Effect<A, E> =>
  Effect.flatMap(Clock.Clock, (clock) => "withLive" in clock ? TestClock.withLive(effect) : effect)

/** Lets the test's time go by, a little at a time and real time with it, until the fiber has ended. */
export const passing = <A, E>(fiber: Fiber.Fiber<A, E>): Effect.Effect<A, E> =>
  Effect.suspend(() =>
    fiber.pollUnsafe() === undefined
      ? Effect.andThen(live(Effect.sleep("5 millis")), Effect.andThen(TestClock.adjust("5 millis"), passing(fiber)))
      : Fiber.join(fiber)
  )

export const isRunning = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    // One that has ended and was not waited for by its parent is not running.
    return !/^State:\s+Z/m.test(fs.readFileSync(`/proc/${pid}/status`, "utf8"))
  } catch {
    return false
  }
}
