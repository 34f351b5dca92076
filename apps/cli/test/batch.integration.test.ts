import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import * as Batch from "../src/outputs/batch.ts"
import { finish } from "./support/Cli.ts"
import { until } from "./support/DaemonWorld.ts"
import * as TalkingWorld from "./support/TalkingWorld.ts"

const call = (id: unknown, tool: string, values: object = {}) =>
  `${JSON.stringify({ id, server: "talk", tool, arguments: values })}\n`

const read = (stdout: string) =>
  stdout.trim().split("\n").map((line) => Schema.decodeUnknownSync(Batch.Output)(JSON.parse(line)))

describe("holdfast batch", () => {
  it("makes every call in one process, gives each result its id, and a line that is wrong costs that line", async () => {
    await using world = TalkingWorld.make(false)
    const lines = [
      ...Array.from({ length: 30 }, (_, id) => call(id, "echo", { text: `t${id}` })),
      "no JSON\n",
      "[1]\n",
      "\n",
      call("bad", "echo", { text: 1 }),
      call("none", "ecko"),
      `{"id":"away","server":"other","tool":"x"}\n`,
      // An id that no number of JavaScript holds, a server and a tool in one word, and no line end.
      `{"id":12345678901234567890,"tool":"talk.echo","arguments":{"text":"last"}}`
    ]
    const { code, stderr, stdout } = await world.run(["batch", "-j", "4"], lines.join(""))
    const results = read(stdout)
    const reasons = new Map(results.map(({ error, line }) => [line, error?.reason]))
    assert.deepStrictEqual([31, 32, 33, 34, 35, 36].map((line) => reasons.get(line)), [
      "BadLine",
      "BadLine",
      "BadArguments",
      "UnknownTool",
      "UnknownServer",
      undefined
    ])
    for (const { id, result } of results) {
      if (typeof id === "number" && id < 30) assert.strictEqual(result?.content[0]?.text, `t${id}`)
    }
    assert.lengthOf(results, 36)
    assert.include(stdout, "\"id\":12345678901234567890,")
    assert.deepStrictEqual([code, stderr], [1, "31 ok, 5 failed, 1 process\n"])
    assert.lengthOf(world.record().filter((line) => line.startsWith("start")), 1)
  })

  it("cancels what runs at Ctrl-C, begins nothing else, and exits with 130", async () => {
    await using world = TalkingWorld.make(false)
    const child = world.start("batch", "-j", "2")
    const ended = finish(child, [1, 2, 3].map((id) => call(id, "slow", { text: String(id) })).join(""))
    await until(() => world.record().filter((line) => line.startsWith("call slow")).length === 2)
    child.kill("SIGINT")
    const { code, stderr, stdout } = await ended
    assert.deepStrictEqual([code, stdout, stderr], [130, "", "0 ok, 0 failed, 2 cancelled, 1 process\n"])
    assert.lengthOf(world.record().filter((line) => line === "cancelled"), 2)
    assert.lengthOf(world.record().filter((line) => line.startsWith("call slow")), 2)
  })
})
