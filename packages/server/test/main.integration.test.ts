/** A server over HTTP as a process of its own: what it says, how signals end it, and with which code. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { spawn } from "node:child_process"
import * as net from "node:net"
import * as path from "node:path"
import { eventually } from "./support/eventually.ts"
import { RawClient } from "./support/rawClient.ts"

const program = path.join(import.meta.dirname, "support/mainServer.ts")

interface Line {
  readonly level: string
  readonly message: string
}

const start = (port = 0, args: ReadonlyArray<string> = []) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const child = spawn(process.execPath, [program, String(port), ...args], { stdio: ["ignore", "pipe", "pipe"] })
      child.stdout.resume()
      let text = ""
      child.stderr.setEncoding("utf8").on("data", (chunk: string) => (text += chunk))
      const lines = (): ReadonlyArray<Line> => text.split("\n").slice(0, -1).map((line) => JSON.parse(line))
      const said = (pattern: RegExp) =>
        lines().map(({ message }) => pattern.exec(message)).find((found) => found !== null)
      const ended = Effect.map(
        eventually("it ended", () => child.exitCode !== null || child.signalCode !== null),
        () => child.exitCode ?? child.signalCode
      )
      return { child, lines, said, ended, text: () => text }
    }),
    ({ child }) => Effect.sync(() => child.kill("SIGKILL"))
  )

/** A server that listens, and a client with a session. */
const readyWith = Effect.fnUntraced(function*(args: ReadonlyArray<string>) {
  const server = yield* start(0, args)
  yield* eventually("it listens", () => server.said(/listening on/) !== undefined)
  const url = server.said(/listening on (http:\S+)$/)?.[1] ?? ""
  const client = new RawClient(url)
  yield* client.initialize()
  return { ...server, client, url }
})
const ready = readyWith([])

describe("a server over HTTP as a process", () => {
  it.live("says where it listens, and when it drains and has drained, and exits with 0 at a signal", () =>
    Effect.gen(function*() {
      for (const signal of ["SIGTERM", "SIGINT"] as const) {
        const { child, ended, lines } = yield* ready
        child.kill(signal)
        assert.strictEqual(yield* ended, 0)
        assert.deepStrictEqual(
          lines().map(({ level, message }) => `${level} ${message.replace(/\d\.\d s/, "N s")}`).slice(1),
          [
            "INFO draining: 0 requests in flight, 1 session, at most 25s",
            "INFO drained in N s: 1 session closed"
          ]
        )
      }
    }))

  it.live("answers what is in flight when it is told to end", () =>
    Effect.gen(function*() {
      const { child, client, ended, said } = yield* ready
      const call = yield* Effect.forkChild(client.call("slow"), { startImmediately: true })
      yield* eventually("it is called", () => said(/called/) !== undefined)
      child.kill("SIGTERM")
      const response = yield* Fiber.join(call)
      assert.include(yield* Effect.promise(() => response.text()), "at last")
      assert.strictEqual(yield* ended, 0)
      assert.isDefined(said(/draining: 1 request in flight/))
    }))

  it.live("ends at once at the second signal, and its code says which", () =>
    Effect.gen(function*() {
      const { child, client, ended, said } = yield* ready
      yield* Effect.forkChild(Effect.ignoreCause(client.call("never")), { startImmediately: true })
      yield* eventually("it is called", () => said(/called/) !== undefined)
      child.kill("SIGTERM")
      yield* eventually("it drains", () => said(/draining/) !== undefined)
      assert.isNull(child.exitCode)
      child.kill("SIGTERM")
      assert.strictEqual(yield* ended, 143)
    }))

  for (const [tool, what] of [["stray", "a stray rejection"], ["late", "Not connected"]] as const) {
    it.live(`logs a promise that nobody handles, and no other client's call is cut off: ${tool}`, () =>
      Effect.gen(function*() {
        const { child, client, ended, text, url } = yield* ready
        const other = new RawClient(url)
        yield* other.initialize()
        const call = yield* Effect.forkChild(other.call("brief"), { startImmediately: true })
        assert.strictEqual((yield* client.call(tool)).status, 200)
        yield* client.send(undefined, {}, "DELETE")
        yield* eventually("it is logged", () => text().includes("unhandled rejection"))
        assert.include(text(), what)
        assert.include(text(), tool === "stray" ? "mainServer.ts" : "protocol.js")
        const response = yield* Fiber.join(call)
        assert.include(yield* Effect.promise(() => response.text()), "at last")
        assert.strictEqual((yield* other.call("brief")).status, 200)
        child.kill("SIGTERM")
        assert.strictEqual(yield* ended, 0)
      }))
  }

  it.live("logs an error that nobody catches, answers what is in flight, and ends with 1", () =>
    Effect.gen(function*() {
      const { client, ended, said, text, url } = yield* ready
      const other = new RawClient(url)
      yield* other.initialize()
      const call = yield* Effect.forkChild(other.call("held"), { startImmediately: true })
      yield* eventually("it is called", () => text().includes("called"))
      yield* client.call("loose")
      const response = yield* Fiber.join(call)
      assert.include(yield* Effect.promise(() => response.text()), "at last")
      assert.strictEqual(yield* ended, 1)
      assert.include(text(), "a loose error")
      assert.include(text(), "mainServer.ts")
      assert.isDefined(said(/draining: 1 request in flight/))
    }))

  for (const tool of ["stray", "loose"]) {
    it.live(`ends at once by what nobody handles, if told so: ${tool}`, () =>
      Effect.gen(function*() {
        const { client, ended, text } = yield* readyWith(["--crash-at-once"])
        const other = yield* Effect.forkChild(Effect.exit(client.call("never")), { startImmediately: true })
        yield* eventually("it is called", () => text().includes("called"))
        yield* Effect.ignoreCause(client.call(tool))
        assert.strictEqual(yield* ended, 1)
        assert.include(text(), tool === "stray" ? "a stray rejection" : "a loose error")
        assert.notInclude(text(), "draining")
        yield* Fiber.join(other)
      }))
  }

  it.live("goes on when nobody reads what it prints any more", () =>
    Effect.gen(function*() {
      const { child, client, ended } = yield* ready
      child.stdout.destroy()
      child.stderr.destroy()
      for (let n = 0; n < 3; n++) assert.strictEqual((yield* client.call("loud")).status, 200)
      child.kill("SIGTERM")
      assert.strictEqual(yield* ended, 0)
    }))

  it.live("says in one sentence that its port is in use, and exits with 1", () =>
    Effect.gen(function*() {
      const taken = yield* Effect.acquireRelease(
        Effect.callback<net.Server>((resume) => {
          const server = net.createServer().listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
        }),
        (server) => Effect.sync(() => server.close())
      )
      const address = taken.address()
      const port = typeof address === "object" && address !== null ? address.port : 0
      const { ended, text } = yield* start(port)
      assert.strictEqual(yield* ended, 1)
      const sentence = `port ${port} of 127.0.0.1 is in use: another program, or another one of this, listens there; ` +
        "end it, or set another port"
      assert.match(text(), /^[^\n]* level=ERROR [^\n]*\n$/)
      assert.include(text(), sentence)
    }))
})
