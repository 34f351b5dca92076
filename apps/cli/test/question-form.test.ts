import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as QuestionForm from "../src/QuestionForm.ts"
import * as FakeShell from "./support/FakeShell.ts"

const field = (schema: object, typed: ReadonlyArray<string>, isRequired = true) => {
  const shell = FakeShell.make({ isTerminal: true, typed })
  const requestedSchema = { type: "object", properties: { x: schema }, ...(isRequired && { required: ["x"] }) }
  return QuestionForm.ask(QuestionForm.read({ message: "?", requestedSchema }), "s.t").pipe(
    Effect.map((answer) => ({ answer, said: shell.written.join("") })),
    Effect.provide(shell.layer)
  )
}

describe("a field of a question", () => {
  const cases: ReadonlyArray<readonly [what: string, schema: object, typed: ReadonlyArray<string>, value: unknown]> = [
    ["a text that looks like a number", { type: "string" }, ["007"], "007"],
    ["a number", { type: "number", minimum: 0 }, ["-1", "x", "2.5"], 2.5],
    ["a truth by its words", { type: "boolean" }, ["maybe", "N"], false],
    ["a choice by its number", { type: "string", enum: ["a", "b"] }, ["3", "2"], "b"],
    ["a choice that is a number by its value", { type: "string", enum: ["2", "1"] }, ["1"], "1"],
    ["choices by their names", { type: "array", items: { anyOf: [{ const: "x1", title: "One" }, { const: "x2" }] } }, [
      "One,x2"
    ], ["x1", "x2"]],
    ["a day", { type: "string", format: "date" }, ["2026-02-29", "2024-02-29"], "2024-02-29"],
    ["a time", { type: "string", format: "date-time" }, ["noon", "2026-01-31T12:00:00Z"], "2026-01-31T12:00:00Z"],
    ["a uri", { type: "string", format: "uri" }, ["example", "https://example.org"], "https://example.org"],
    ["a format that is not known", { type: "string", format: "color" }, ["red"], "red"],
    ["a text by its pattern", { type: "string", pattern: "^[a-c]+$" }, ["xyz", "abc"], "abc"]
  ]
  for (const [what, schema, typed, value] of cases) {
    it.live(`is ${what}, and asked again until it fits`, () =>
      Effect.gen(function*() {
        const { answer, said } = yield* field(schema, typed)
        assert.deepStrictEqual(answer, { action: "accept", content: { x: value } })
        assert.strictEqual(said.split("> ").length - 1, typed.length)
      }))
  }

  it.live("may be left out where it is not required, and takes its default", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual((yield* field({ type: "string" }, [""], false)).answer, { action: "accept", content: {} })
      assert.deepStrictEqual((yield* field({ type: "integer", default: 3 }, [""])).answer, {
        action: "accept",
        content: { x: 3 }
      })
    }))

  it.live("whose name is that of a prototype is a field like any other", () =>
    Effect.gen(function*() {
      const shell = FakeShell.make({ isTerminal: true, typed: ["a"] })
      const requestedSchema = JSON.parse(
        `{"type":"object","properties":{"__proto__":{"type":"string"}},"required":["__proto__"]}`
      )
      const answer = yield* Effect.provide(
        QuestionForm.ask(QuestionForm.read({ message: "?", requestedSchema }), "s.t"),
        shell.layer
      )
      assert.strictEqual(JSON.stringify(answer), `{"action":"accept","content":{"__proto__":"a"}}`)
    }))
})
