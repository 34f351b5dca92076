/** What programs read: every word with `--json`, on a real daemon and a real server, against the schema that documents it. */
import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { type Ran, spy } from "./support/Cli.ts"
import * as DaemonWorld from "./support/DaemonWorld.ts"
import { cases, type JsonCase } from "./support/JsonCases.ts"
import * as Outputs from "./support/Outputs.ts"

const outputs = new Map((await Outputs.load()).map(({ schema, words }) => [words, schema]))
const strict = { onExcessProperty: "error" } as const

/** Each line of a stream, by one of the schemas. */
const decode = (text: string, ...names: ReadonlyArray<string>): ReadonlyArray<unknown> =>
  text.split("\n").filter((line) => line !== "").map((line) => {
    const value: unknown = JSON.parse(line)
    const read = names.map((name) => {
      const schema = outputs.get(name)
      assert(schema !== undefined, `there is no schema for ${name}`)
      return Schema.decodeUnknownResult(schema, strict)(value)
    })
    const found = read.find(Result.isSuccess)
    assert(
      found !== undefined,
      `${line}\nis none of ${names.join(", ")}: ${
        read.map((each) => Result.isFailure(each) ? each.failure.message : "").join("\n")
      }`
    )
    return found.success
  })

const failed = (word: string, { code, stderr, stdout }: Ran): void => {
  assert.notStrictEqual(code, 0, word)
  assert.notStrictEqual(code, 70, stderr)
  const said = decode(stderr, "error", "log")
  assert.isTrue(said.some((each) => typeof each === "object" && each !== null && "error" in each), `${word}: ${stderr}`)
  // An answer that names its own failures may be there, too.
  decode(stdout, word)
}

describe("--json of every word", () => {
  it("is tried here", () => {
    const words = [...outputs.keys()].filter((word) => !Outputs.ofEveryWord.includes(word))
    assert.sameMembers([...cases.keys()], words)
  })

  it("is what its schema says, and so is each failure", async () => {
    await using world = DaemonWorld.make()
    world.addServer("data", spy("data"))
    const json = (words: ReadonlyArray<string>) => world.runCheaply(...words, "--json")
    for (const [word, { failure }] of alone()) failed(word, await json(failure))
    for (const [word, { code = 0, ends, failure, parks, success, withoutDaemon }] of cases) {
      if (ends === true) assert.strictEqual((await world.runCheaply("call", "spy", "echo", "text=x")).code, 0)
      const ran = await json(parks === undefined ? success : [...success, await parked(world, parks)])
      assert.strictEqual(ran.code, code, `${word}: ${ran.stderr}`)
      decode(ran.stderr, "log")
      decode(ran.stdout, word)
      if (withoutDaemon !== true) failed(word, await json(failure))
    }
    assert.deepStrictEqual(world.servers().filter(DaemonWorld.isAlive), [])
  })
})

/** The id of the question that such a call waits for. */
const parked = async (world: DaemonWorld.DaemonWorld, words: ReadonlyArray<string>): Promise<string> => {
  const { stderr } = await world.runCheaply(...words)
  assert.deepStrictEqual(decode(stderr, "error").length, 1)
  return JSON.parse(stderr).error.parked.questions[0].id
}

const alone = (): ReadonlyArray<readonly [string, JsonCase]> =>
  [...cases].filter(([, { withoutDaemon }]) => withoutDaemon === true)
