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
})
