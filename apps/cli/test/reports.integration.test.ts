/**
 * What operators of such tools have reported in public, rebuilt. Each test names its report. More: `reports.long.test.ts`.
 */
import { assert, describe, it } from "@effect/vitest"
import type { Output as WhyOutput } from "../src/outputs/why.ts"
import { spy } from "./support/Cli.ts"
import * as DaemonWorld from "./support/DaemonWorld.ts"

const noRetries = { holdfast: { maxConnectRetries: 0 } }

describe("public reports", () => {
  // https://github.com/anthropics/claude-code/issues/34744, https://github.com/f/mcptools/issues/31
  it("a server that fails to connect is told of with its command, exit code, words on stderr and the step that failed", async () => {
    await using world = DaemonWorld.make()
    world.addServer("bad", { ...spy("crash"), ...noRetries })
    assert.strictEqual((await world.runCheaply("tools", "bad")).code, 4)
    const why: typeof WhyOutput.Type = JSON.parse((await world.runCheaply("why", "bad", "--json")).stdout)
    const last = why.tries.at(-1)
    assert.include(last?.message, "spyServer.ts crash")
    assert.deepInclude(last, {
      outcome: "failed",
      failedStep: "handshake",
      exitCode: 3,
      stderr: "cannot open the database\n"
    })
    assert.deepStrictEqual(last?.steps.map(({ step }) => step), ["spawn", "handshake"])
    const text = (await world.runCheaply("why", "bad")).stdout
    assert.match(text, /failed at handshake .*exit code 3\n {4}spawn \d+.*, handshake .*\n/)
    assert.match(text, /\n {4}stderr:\n {6}cannot open the database\n {4}→ /)
    assert.match((await world.runCheaply("logs", "bad")).stdout, / {2}cannot open the database$/m)
  })

  // https://github.com/anthropics/claude-agent-sdk-typescript/issues/110
  it("a call is told of by its id: whether its process was started for it, and what became of it", async () => {
    await using world = DaemonWorld.make()
    world.addServer("ok", spy("polite"))
    assert.strictEqual((await world.runCheaply("call", "ok.echo", "text=hi")).code, 0)
    assert.strictEqual((await world.runCheaply("call", "ok.die")).code, 6)
    const why: typeof WhyOutput.Type = JSON.parse((await world.runCheaply("why", "ok", "--json")).stdout)
    const [first, second] = why.calls
    assert.deepInclude(first, { name: "echo", connection: "opened", outcome: "answered", repeats: [] })
    assert.deepInclude(second, { name: "die", connection: "reused", outcome: "failed", delivery: "Unknown" })
    const text = (await world.runCheaply("why", "--call", second?.id ?? "")).stdout
    assert.match(text, /failed, it may have run {2}ok\.die .*\n {4}.*it was given a connection that was there\n/)
    assert.deepStrictEqual(
      JSON.parse((await world.runCheaply("why", "--call", second?.id ?? "", "--json")).stdout),
      second
    )
  })
})
