/** What an operator reads at three in the morning. */
import { assert, describe, it } from "@effect/vitest"
import { Endpoint } from "@holdfast/mcp/Endpoint"
import { McpConfig } from "@holdfast/mcp/McpConfig"
import { McpConnections } from "@holdfast/mcp/McpConnections"
import { CommandNotFound, type ConnectReason, ServerExited, Unreachable } from "@holdfast/mcp/McpRuntimeError"
import { MemoryServer } from "@holdfast/mcp/testing"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as References from "effect/References"
import { TestClock } from "effect/testing"

interface Line {
  readonly level: string
  readonly text: string
  readonly annotations: Readonly<Record<string, unknown>>
}

/** Runs with a logger of its own, which hears everything. */
const logged = <A, E, R>(use: (lines: ReadonlyArray<Line>) => Effect.Effect<A, E, R>) => {
  const lines: Array<Line> = []
  const logger = Logger.make(({ fiber, logLevel, message }) => {
    lines.push({
      level: logLevel,
      text: Array.isArray(message) ? message.join(" ") : String(message),
      annotations: fiber.getRef(References.CurrentLogAnnotations)
    })
  })
  return Effect.suspend(() => use(lines)).pipe(
    Effect.provideService(References.MinimumLogLevel, "Trace"),
    Effect.provide(Logger.layer([logger]))
  )
}

/** All that is not DEBUG. */
const loud = (lines: ReadonlyArray<Line>): ReadonlyArray<string> =>
  lines.filter(({ level }) => level !== "Debug").map(({ level, text }) => `${level} ${text}`)

const open = (transport: "stdio" | "http", dial: () => Effect.Effect<void, ConnectReason>) =>
  Effect.gen(function*() {
    const server = yield* MemoryServer.make({
      transport,
      era: "legacy",
      onDial: () => Effect.suspend(dial),
      tools: { echo: { annotations: { readOnlyHint: true }, run: () => Effect.succeed("here") } }
    })
    const mcp = yield* McpConnections.make(yield* McpConfig.make({ docs: server.endpoint }))
    /** Seconds, each with another call. */
    const callFor = (count: number) =>
      Effect.forEach(
        Array.from({ length: count }),
        () =>
          Effect.andThen(
            Effect.forkChild(Effect.exit(mcp.callTool("docs", { name: "echo" }, { deadline: "5 seconds" })), {
              startImmediately: true
            }),
            TestClock.adjust("1 second")
          ),
        { discard: true }
      )
    return { server, mcp, callFor }
  })

const url = "http://docs.invalid/mcp"
const refused = Effect.fail(new Unreachable({ server: "docs", url, description: "connection refused" }))
const exited = Effect.fail(
  new ServerExited({
    server: "docs",
    command: "docs",
    end: { code: 9, signal: null, uptimeMillis: 20, stderrTail: "boom: out of memory\n" }
  })
)

describe("the log", () => {
  it.effect("tells of an outage in one warning and one line when it is over, however many calls and attempts it has", () =>
    logged((lines) =>
      Effect.gen(function*() {
        let isAway = false
        const { callFor, server } = yield* open("http", () => isAway ? refused : Effect.void)
        yield* callFor(20)
        assert.deepStrictEqual(loud(lines), [])
        isAway = true
        yield* server.kill
        yield* callFor(90)
        const first =
          "Warn docs: connection lost: the server's process ended. The server was killed by SIGKILL after 20 s; it " +
          "wrote nothing to stderr. It is tried again when it is needed."
        assert.deepStrictEqual(loud(lines), [first])
        isAway = false
        yield* callFor(10)
        assert.strictEqual(loud(lines).length, 2)
        const [, over = ""] = loud(lines)
        const [, minutes, seconds] = /^Info docs: connected again after (\d) min (\d+) s$/.exec(over) ?? []
        const outage = Number(minutes) * 60 + Number(seconds)
        assert.isTrue(outage >= 90 && outage <= 96, over)
        // The next one is another one.
        yield* callFor(20)
        yield* server.kill
        yield* callFor(5)
        assert.strictEqual(loud(lines).length, 4)
      })
    ))

  it.effect("warns when a server that was never there fails first, with its last words, and once more at quarantine", () =>
    logged((lines) =>
      Effect.gen(function*() {
        let isBroken = true
        const { callFor, mcp } = yield* open("stdio", () => isBroken ? exited : Effect.void)
        yield* callFor(600)
        const said =
          "docs exited with code 9 after 20 ms, before it answered the handshake; stderr: \"boom: out of memory\"."
        const [first = "", second = "", ...more] = loud(lines)
        assert.isTrue(first.startsWith(`Warn docs: ${said}`), first)
        assert.match(first, / Next try in \d+ ms, if it is needed\.$/)
        assert.isTrue(second.startsWith(`Warn docs: keeps failing, next try in 30 s: ${said}`), second)
        assert.deepStrictEqual(more, [])
        isBroken = false
        yield* mcp.reset("docs")
        yield* callFor(2)
        assert.match(loud(lines)[2] ?? "", /^Info docs: connected again after 10 min/)
      })
    ))

  it.effect("warns once of what will not heal by itself, however often it is asked for", () =>
    logged((lines) =>
      Effect.gen(function*() {
        const missing = Effect.fail(new CommandNotFound({ server: "docs", command: "nope", searched: "/bin" }))
        const { callFor } = yield* open("stdio", () => missing)
        yield* callFor(30)
        assert.strictEqual(loud(lines).length, 1)
        assert.match(
          loud(lines)[0] ?? "",
          /^Warn docs: command not found: nope .* It is tried again when it is needed\.$/
        )
      })
    ))

  it.effect("tells every move at DEBUG, under the server's name, and nothing about calls", () =>
    logged((lines) =>
      Effect.gen(function*() {
        const { callFor, server } = yield* open("http", () => Effect.void)
        yield* callFor(2)
        const moves = ["Idle -> Connecting", "Opening -> Open", "Connecting -> Ready"]
        assert.deepStrictEqual(lines.map(({ text }) => text.replace(/^docs: (slot|connection) \d+: /, "")), moves)
        for (const { annotations } of lines) assert.strictEqual(annotations["holdfast.server"], "docs")
        yield* callFor(100)
        assert.lengthOf(lines, moves.length)
        yield* server.kill
        yield* callFor(1)
        const later = lines.slice(moves.length).filter(({ level }) => level === "Debug").map(({ text }) => text)
        assert.isTrue(later.some((text) => /Open -> Closing: connection lost: the server's process ended/.test(text)))
      })
    ))

  it.effect("does not quote a defect, which may say anything", () =>
    logged((lines) =>
      Effect.gen(function*() {
        const { callFor } = yield* open("http", () => Effect.die(new Error("the token is hunter22")))
        yield* callFor(3)
        assert.isAbove(lines.length, 3)
        assert.isEmpty(lines.filter(({ text }) => text.includes("hunter22")))
      })
    ))

  it.live("has no secret of the environment that the server repeats as its last words", () =>
    logged((lines) =>
      Effect.gen(function*() {
        const endpoint = Endpoint.stdio({
          command: process.execPath,
          args: ["-e", "console.error('refused: ' + process.env.TOKEN); process.exit(3)"],
          env: { TOKEN: "hunter22-hunter22" }
        })
        const mcp = yield* McpConnections.make(yield* McpConfig.make({ docs: endpoint }))
        const { reason } = yield* Effect.flip(mcp.listTools("docs"))
        assert.strictEqual(reason._tag, "ServerExited")
        assert.match(loud(lines)[0] ?? "", /^Warn docs: \S+ exited with code 3 after .* stderr: "refused: <redacted>"/)
        assert.isEmpty(lines.filter(({ text }) => text.includes("hunter22")))
      })
    ))

  it.effect("ends with the runtime", () =>
    logged((lines) =>
      Effect.gen(function*() {
        const before = yield* Effect.scoped(Effect.gen(function*() {
          const { callFor } = yield* open("http", () => Effect.void)
          yield* callFor(2)
          return lines.length
        }))
        yield* TestClock.adjust("10 minutes")
        assert.isAbove(before, 0)
        assert.lengthOf(lines, before, "closing is told to nobody")
      })
    ))
})
