/** Each word for data once, in this process and with a server that is one. At length: `data-words.long.test.ts`. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Complete from "../src/outputs/complete.ts"
import * as Failed from "../src/outputs/error.ts"
import * as Prompt from "../src/outputs/prompt.ts"
import * as Read from "../src/outputs/read.ts"
import * as Resources from "../src/outputs/resources.ts"
import { decoded, says, stdio } from "./support/DataWords.ts"

describe("the words for data", () => {
  it.live("list and read resources", () =>
    Effect.gen(function*() {
      const { out } = yield* says(["resources", "talk", "--json"])
      assert.strictEqual(decoded(Resources.Output, out)[0]?.templates?.[0]?.uriTemplate, "doc://{page}")
      const read = yield* says(["read", "talk", "doc://guide", "--json"])
      assert.strictEqual(decoded(Read.Output, read.out).contents[0]?.text, "# Guide")
    }))

  it.live("fill prompts in and complete arguments", () =>
    Effect.gen(function*() {
      const prompt = yield* says(["prompt", ...stdio, "review", "language=ts", "--json"])
      assert.strictEqual(decoded(Prompt.Output, prompt.out).messages[0]?.role, "user")
      const complete = yield* says(["complete", "talk", "review", "language=ty", "--json"])
      assert.deepStrictEqual(decoded(Complete.Output, complete.out).completion.values, ["type", "typescript"])
    }))

  it.live("write pictures into files, and refuse a question without a terminal: 7", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* says(["call", "talk.pictures", "count=1", "-o", "-"])).out.slice(1, 4), "PNG")
      const { code, err } = yield* says(["call", "talk.ask", "--json"])
      assert.deepStrictEqual([code, decoded(Failed.Output, err).error.reason], [7, "QuestionRefused"])
    }))

  it.live("ask a question on a terminal", () =>
    Effect.gen(function*() {
      const typed = ["Ann", "", "", "", "Large", "tue", ""]
      const { out } = yield* says(["call", "talk.ask"], { typed, isTerminal: true })
      assert.deepStrictEqual(JSON.parse(out), {
        action: "accept",
        content: { name: "Ann", count: 4, size: "l", days: ["tue"], pet: "p2" }
      })
    }))
})
