/** What is printed of a failure where no daemon can be asked why. */
import { assert, describe, it } from "@effect/vitest"
import { CommandNotFound, McpRuntimeError, Quarantined, ServerExited } from "@holdfast/mcp/McpRuntimeError"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as ErrorOutput from "../src/outputs/error.ts"
import * as Report from "../src/Report.ts"
import * as FakeShell from "./support/FakeShell.ts"

const end = { code: 3, signal: null, uptimeMillis: 12, stderrTail: "no docker\n" }
const exited = new ServerExited({ server: "bad", command: "serve", end })
const tried = {
  at: 0,
  pid: 7,
  outcome: "failed",
  failedStep: "handshake",
  steps: [{ step: "spawn", millis: 12 }, { step: "handshake", what: "initialize", millis: 2000 }],
  reason: "ServerExited",
  message: exited.message,
  exitCode: 3,
  advice: "Read its stderr.",
  page: "docs/errors/ServerExited.md"
} as const
const history = [{ at: 0, outcome: "ready", steps: [] }, tried, tried] as const
const quarantined = new Quarantined({ server: "bad", retryInMillis: 30_000, description: "it failed repeatedly" })

const printed = (error: Report.Failure, json: boolean, isDirect: boolean) => {
  const shell = FakeShell.make()
  return Effect.as(Report.ending(error, json, isDirect), shell.err).pipe(
    Effect.provide(shell.layer),
    Effect.map((written) => written.join(""))
  )
}

describe("a failure without a daemon", () => {
  it.effect("says in one line how the last try went, then what to do", () =>
    Effect.gen(function*() {
      const text = yield* printed(new McpRuntimeError({ reason: quarantined, history }), false, true)
      assert.deepStrictEqual(text.split("\n").slice(1), [
        "  the last of 2 tries: failed at handshake (initialize), process 7, exit code 3 (spawn 12 ms, handshake initialize 2 s)",
        `  ${exited.message}`,
        "  → Read its stderr.",
        "  → docs/errors/ServerExited.md says more",
        ""
      ])
    }))

  it.effect("repeats nothing that its message says already", () =>
    Effect.gen(function*() {
      const text = yield* printed(new McpRuntimeError({ reason: exited, history }), false, true)
      assert.strictEqual(text.split(exited.message).length, 2)
    }))

  it.effect("has the tries in its JSON", () =>
    Effect.gen(function*() {
      const text = yield* printed(new McpRuntimeError({ reason: exited, history }), true, true)
      const { error } = yield* Schema.decodeUnknownEffect(ErrorOutput.Output)(JSON.parse(text))
      assert.strictEqual(error.history?.length, 3)
    }))

  it.effect("is one line with a daemon, and where nothing was tried", () =>
    Effect.gen(function*() {
      const missing = new CommandNotFound({ server: "bad", command: "serve", searched: "/bin" })
      for (
        const text of [
          yield* printed(new McpRuntimeError({ reason: exited, history }), false, false),
          yield* printed(new McpRuntimeError({ reason: missing }), false, true)
        ]
      ) assert.match(text, /^holdfast: [^\n]*\n$/)
    }))
})
