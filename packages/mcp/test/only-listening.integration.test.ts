/** Programs that only listen, and servers that are killed: real processes, real pipes, real sockets. */
import { assert, describe, it } from "@effect/vitest"
import { Endpoint } from "@holdfast/mcp/Endpoint"
import { McpConfig } from "@holdfast/mcp/McpConfig"
import { McpConnections, readAgain } from "@holdfast/mcp/McpConnections"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { spawn } from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"

const program = path.join(import.meta.dirname, "support/news-server.ts")

const worlds = [
  ["stdio", "legacy"],
  ["stdio", "modern"],
  ["http", "legacy"],
  ["http", "modern"],
  ["sse", "legacy"]
] as const

type World = typeof worlds[number]

interface News {
  readonly endpoint: Endpoint
  /** Kills the server without a word, and sees to it that there is another one. */
  readonly kill: Effect.Effect<void>
  /** Has it tell the news. */
  readonly tell: () => void
}

/** A server at a fixed port, started again when it is killed. */
const overHttp = ([transport, era]: World): Effect.Effect<News, never, Scope.Scope> =>
  Effect.gen(function*() {
    const start = (port: number) =>
      Effect.acquireRelease(
        Effect.callback<{ readonly port: number; readonly pid: number; readonly kill: (done: () => void) => void }>(
          (resume) => {
            const child = spawn(process.execPath, [program, transport, era, String(port)], {
              stdio: ["ignore", "pipe", "inherit"]
            })
            const kill = (done: () => void): void => {
              if (child.exitCode !== null || child.signalCode !== null) return done()
              child.once("exit", done)
              child.kill("SIGKILL")
            }
            child.stdout.once(
              "data",
              (line) => resume(Effect.succeed({ port: Number(String(line)), pid: child.pid ?? 0, kill }))
            )
            child.once("exit", (code) => resume(Effect.die(new Error(`the server ended with ${code}`))))
          }
        ),
        ({ kill }) => Effect.callback<void>((resume) => kill(() => resume(Effect.void)))
      )
    const outer = yield* Effect.scope
    let scope = yield* Scope.fork(outer)
    let running = yield* Scope.provide(start(0), scope)
    const { port } = running
    const url = `http://127.0.0.1:${port}/${transport}`
    return {
      endpoint: transport === "sse" ? Endpoint.sse({ url }) : Endpoint.http({ url }),
      kill: Effect.gen(function*() {
        yield* Scope.close(scope, Exit.void)
        scope = yield* Scope.fork(outer)
        running = yield* Scope.provide(start(port), scope)
      }),
      tell: () => void process.kill(running.pid, "SIGUSR2")
    }
  })

/** A server that the runtime itself starts: it writes its pid to a file. */
const overStdio = ([transport, era]: World): Effect.Effect<News, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => fs.mkdtempSync(path.join(os.tmpdir(), "hf-test-news-"))),
      (folder) => Effect.sync(() => fs.rmSync(folder, { recursive: true, force: true }))
    ),
    (folder) => {
      const file = path.join(folder, "pid")
      const code = `require("node:fs").writeFileSync(${JSON.stringify(file)}, String(process.pid)); ` +
        `process.argv.splice(1, 0, "news"); import(${JSON.stringify(program)})`
      const pid = () => Number(fs.readFileSync(file, "utf8"))
      return {
        endpoint: Endpoint.stdio({ command: process.execPath, args: ["-e", code, transport, era] }),
        kill: Effect.sync(() => void process.kill(pid(), "SIGKILL")),
        tell: () => void process.kill(pid(), "SIGUSR2")
      }
    }
  )

describe("a program that only listens", () => {
  for (const world of worlds) {
    const [transport, era] = world
    it.live(
      `hears the next change after kill -9 of its server, ${era} over ${transport}`,
      () =>
        Effect.gen(function*() {
          const news = yield* transport === "stdio" ? overStdio(world) : overHttp(world)
          const mcp = yield* McpConnections.make(yield* McpConfig.make({ news: news.endpoint }))
          const heard: Array<string> = []
          yield* Effect.forkScoped(
            Stream.runForEach(mcp.notifications, ({ params }) =>
              Effect.sync(() => {
                // The server is ours.
                const { _meta, uri } = params as { readonly uri: string; readonly _meta?: Record<string, unknown> }
                heard.push(_meta?.[readAgain] === true ? `${uri}?` : uri)
              })),
            { startImmediately: true }
          )
          const until = (what: string, isTrue: () => boolean) =>
            Effect.gen(function*() {
              for (let look = 0; !isTrue(); look++) {
                assert.isBelow(look, 3000, `${what}: ${heard.join()}`)
                yield* Effect.sleep("10 millis")
              }
            })
          yield* mcp.subscribe("news", "memo://1")
          // The stream of the server's own may not be open yet.
          yield* until("it is heard", () => (news.tell(), heard.length > 0))
          yield* news.kill
          yield* until("it is told to read again", () => heard.includes("memo://1?"))
          const after = () => heard.slice(heard.indexOf("memo://1?") + 1)
          yield* until("the next change is heard", () => (news.tell(), after().includes("memo://1")))
          assert.notInclude(after(), "memo://1?")
        }),
      60_000
    )
  }
})
