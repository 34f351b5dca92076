/** Runs words with `--json`, on a real daemon and real servers, and reads what they print by the schemas that document it. */
import { assert } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as path from "node:path"
import { finish, type Ran, start } from "./Cli.ts"
import * as DaemonWorld from "./DaemonWorld.ts"
import { cases } from "./JsonCases.ts"
import * as Outputs from "./Outputs.ts"

export const outputs = new Map((await Outputs.load()).map(({ schema, words }) => [words, schema]))
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

/** Each of these words with a result and with a failure; all servers are gone in the end if the daemon is told to stop. How many words that were. */
export const runWords = async (isWanted: (word: string) => boolean): Promise<number> => {
  await using world = DaemonWorld.make()
  const json = (words: ReadonlyArray<string>) => world.runCheaply(...words, "--json")
  const wanted = [...cases].filter(([word]) => isWanted(word))
  for (const [word, { failure, withoutDaemon }] of wanted) if (withoutDaemon === true) failed(word, await json(failure))
  for (const [word, { code = 0, ends, failure, goesOn, leaves, parks, success, withoutDaemon }] of wanted) {
    if (ends === true) assert.strictEqual((await world.runCheaply("call", "spy", "echo", "text=x")).code, 0)
    const ids = [
      ...parks === undefined ? [] : [await parked(world, parks)],
      ...leaves === undefined ? [] : [await left(world, leaves)]
    ]
    const ran = goesOn === true ? await interrupted(world, [...success, "--json"]) : await json([...success, ...ids])
    assert.strictEqual(ran.code, code, `${word}: ${ran.stderr}`)
    decode(ran.stderr, "log")
    decode(ran.stdout, word)
    if (withoutDaemon !== true) failed(word, await json(failure))
  }
  if (isWanted("daemon stop")) assert.deepStrictEqual(world.servers().filter(DaemonWorld.isAlive), [])
  return wanted.length
}

/** What it prints until it is interrupted, which it is after its first line. */
const interrupted = async (world: DaemonWorld.DaemonWorld, words: ReadonlyArray<string>): Promise<Ran> => {
  const child = start(world.directory, words, world.environment)
  child.stdout?.once("data", () => child.kill("SIGINT"))
  const ran = await finish(child)
  assert.strictEqual(ran.code, 130, ran.stderr)
  return { ...ran, code: 0 }
}

/** The id of the task that such a call has become. */
const left = async (world: DaemonWorld.DaemonWorld, words: ReadonlyArray<string>): Promise<string> => {
  world.addServer("worker", {
    command: process.execPath,
    args: [path.resolve(import.meta.dirname, "taskServer.ts")]
  })
  const { code, stderr, stdout } = await world.runCheaply(...words)
  assert.strictEqual(code, 0, stderr)
  return stdout.trim()
}

/** The id of the question that such a call waits for. */
const parked = async (world: DaemonWorld.DaemonWorld, words: ReadonlyArray<string>): Promise<string> => {
  const { stderr } = await world.runCheaply(...words)
  assert.deepStrictEqual(decode(stderr, "error").length, 1)
  return JSON.parse(stderr).error.parked.questions[0].id
}
