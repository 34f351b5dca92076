/** The first question to a server, before anything else is passed. */
import { assert, describe, it } from "@effect/vitest"
import { Greeter } from "../src/Greeter.ts"
import * as RawMessage from "../src/RawMessage.ts"

const greeted = (id: string) => {
  const [question] = RawMessage.read(`{"jsonrpc":"2.0","id":${id},"method":"initialize","params":{}}`)
  assert.isObject(question)
  const said: Array<string> = []
  const fates: Array<string> = []
  // `read` gives no texts for what it can read.
  const greeter = new Greeter({
    question: question as RawMessage.RawMessage,
    toServer: (text) => void said.push(text),
    onGreeted: ({ text }) => void fates.push(text),
    onRefused: ({ text }) => void fates.push(text)
  })
  greeter.begin()
  return { greeter, said, fates }
}

describe("a server that is greeted", () => {
  for (
    const [asked, answered, isAnswer] of [["3", "3", true], ["3", `"3"`, true], [`"a"`, `"a"`, true], [
      "3",
      "4",
      false
    ]] as const
  ) {
    it(`${isAnswer ? "has" : "has not"} answered ${asked} by the id ${answered}`, () => {
      const { fates, greeter, said } = greeted(asked)
      const answer = `{"jsonrpc":"2.0","id":${answered},"result":{}}`
      greeter.serverSaid(answer)
      assert.deepStrictEqual(fates, isAnswer ? [answer] : [])
      assert.strictEqual(said.length, isAnswer ? 2 : 1)
    })
  }

  it("that does not know what it is offered is offered less, as long as that is the reason", () => {
    const [question] = RawMessage.read(
      `{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"capabilities":{"elicitation":{"form":{},"url":{}}}}}`
    )
    const said: Array<string> = []
    const fates: Array<string> = []
    const greeter = new Greeter({
      // `read` gives no texts for what it can read.
      question: question as RawMessage.RawMessage,
      toServer: (text) => void said.push(text),
      onGreeted: () => void fates.push("greeted"),
      onRefused: ({ text }) => void fates.push(text)
    })
    greeter.begin()
    const refuse = (message: string): string => {
      const { id } = JSON.parse(said.at(-1) ?? "")
      const refusal = JSON.stringify({ jsonrpc: "2.0", id, error: { code: -32603, message } })
      greeter.serverSaid(refusal)
      return refusal
    }
    refuse("Unrecognized field \"form\" (class McpSchema$ClientCapabilities$Elicitation), not marked as ignorable")
    refuse("Unrecognized field \"elicitation\" (class McpSchema$ClientCapabilities), not marked as ignorable")
    assert.deepStrictEqual(said.map((text) => JSON.parse(text).params.capabilities), [
      { elicitation: { form: {}, url: {} } },
      { elicitation: {} },
      {}
    ])
    assert.strictEqual(new Set(said.map((text) => JSON.parse(text).id)).size, 3)
    assert.deepStrictEqual(fates, [])
    const last = refuse("Unrecognized field \"clientInfo\"")
    assert.deepStrictEqual(fates, [last])
  })
})
