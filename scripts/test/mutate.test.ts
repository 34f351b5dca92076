import { assert, describe, it } from "@effect/vitest"
import * as Fs from "node:fs"
import * as Module from "node:module"
import * as Path from "node:path"
import { switchName, withMutants } from "../mutate/MutantSwitch.ts"
import { mutationsOf } from "../mutate/Mutation.ts"

const changesOf = (source: string): ReadonlyArray<string> =>
  mutationsOf("a.ts", source).mutations.map(({ from, operator, to }) => `${operator}: ${from} -> ${to}`)

/** The module as a function of the mutant at work, which returns what the module calls `answer`. */
const compiled = (source: string, wanted: (operator: string) => boolean = () => true) => {
  const file = mutationsOf("a.ts", source)
  const chosen = [...file.mutations.keys()].filter((index) => wanted(file.mutations[index]?.operator ?? ""))
  const code = Module.stripTypeScriptTypes(withMutants(source, file, new Map(chosen.map((index) => [index, index]))))
  // The code is a test's own.
  const run = new Function(switchName, `${code}\nreturn answer`) as (isOn: (id: number) => boolean) => unknown
  return {
    chosen,
    run: (active?: number) => {
      let turns = 0
      return run((id) => {
        if (++turns > 10_000) throw new Error("a mutant runs for ever")
        return id === active
      })
    }
  }
}

describe("the mutants of a source", () => {
  const kinds: ReadonlyArray<readonly [what: string, source: string, changes: ReadonlyArray<string>]> = [
    ["a condition is forced to both outcomes", "if (a === b) c", [
      "condition true: a === b -> true",
      "condition false: a === b -> false",
      "statement removed: c -> nothing"
    ]],
    ["a comparison is negated and moved by one", "const c = a < b", [
      "boundary: a < b -> … <= …",
      "negation: a < b -> … >= …"
    ]],
    ["a loop is never entered, and not made endless", "while (a()) b()", [
      "condition false: a() -> false",
      "statement removed: b() -> nothing"
    ]],
    ["logic is exchanged", "const c = a && b", ["logical: a && b -> … || …"]],
    ["a default is left out", "const c = a ?? b", ["no default: a ?? b -> a"]],
    ["numbers are calculated otherwise", "const c = a * 2 + b", [
      "arithmetic: a * 2 + b -> … - …",
      "arithmetic: a * 2 -> … / …",
      "number: 2 -> 3"
    ]],
    ["texts are not subtracted", "const c = \"a b\" + b", []],
    ["literals are changed", "const c = [true, 0, 1, 7n, \"a\"]", [
      "boolean: true -> false",
      "number: 0 -> 1",
      "number: 1 -> 0",
      "number: 7n -> 8n",
      "string: \"a\" -> \"a~\""
    ]],
    ["a function ends before it begins", "const f = () => { return a }", ["early return: () => { … -> an empty body"]],
    ["a function of one call does not call", "const f = () => a()", ["early return: a() -> undefined"]],
    ["a yielded effect is not run", "function* f() { yield* a }", [
      "early return: function* f() { … -> an empty body",
      "statement removed: yield* a -> nothing"
    ]],
    ["the guards of a chain are removed one by one", "const c = a?.b?.[d]", [
      "guard removed: a?.b?.[d] -> a?.b[d]",
      "guard removed: a?.b?.[d] -> a.b?.[d]"
    ]],
    ["a method is taken for another", "const c = a.some(b)", ["method: a.some(b) -> … .every(…)"]],
    ["a method is left out", "const c = a.filter(b)", ["method: a.filter(b) -> without .filter(…)"]],
    ["a stage of a pipe is left out", "const c = a.pipe(b, d(e))", [
      "stage removed: stage 1: b -> without it",
      "stage removed: stage 2: d(e) -> without it"
    ]],
    ["sentences for people have none", "const c = \"no such file\"", []],
    ["names of spans and services have none", "const f = Effect.fn(\"a\")(b)", []],
    [
      "types, keys and paths have none",
      "import { a } from \"b\"\ntype C = \"d\" | 1\nconst e = { \"f\": a as \"g\" }",
      []
    ]
  ]
  it.each(kinds)("%s", (_, source, changes) => assert.deepStrictEqual(changesOf(source), changes))

  it("are the same, in the same order, each time", () => {
    const source = "export const f = (a: number) => a > 1 ? a.toFixed(2) : \"x\""
    assert.deepStrictEqual(mutationsOf("a.ts", source), mutationsOf("a.ts", source))
  })

  it("of code that is no TypeScript are refused with the parser's words", () => {
    assert.throws(() => mutationsOf("a.ts", "const ="), /^a\.ts: /)
  })
})

describe("a source with its mutants compiled in", () => {
  const source = `
const seen: Array<string> = []
const say = (word: string): void => { seen.push(word) }
const outer = { inner: { list: [3, 1, 2] }, none: undefined as { list: Array<number> } | undefined }
function* each() {
  yield* outer.inner.list
  yield 9
}
say("begin")
;[1, 2].forEach((n) => {
  if (n > 1) say("many")
  else say("one")
})
const chain = outer.none?.list.filter((n) => n > 1).map((n) => n + 1) ?? "nothing"
const sum = [...each()].slice(1).reduce((a, b) => a + b, 0)
let left = 3
while (left > 0) left--
switch (sum) {
  case 12: say("twelve")
}
const answer = [seen, chain, sum, left]
`

  it("does what it did, while none is at work", () => {
    assert.deepStrictEqual(compiled(source).run(), compiled(source, () => false).run())
    assert.deepStrictEqual(compiled(source).run(), [["begin", "one", "many", "twelve"], "nothing", 12, 0])
  })

  it("does something else with one of them at work", () => {
    const { chosen, run } = compiled(source, (operator) => operator === "statement removed")
    const outcome = (id?: number): string => {
      try {
        return JSON.stringify(run(id))
      } catch (error) {
        return String(error)
      }
    }
    assert.isAbove(chosen.length, 5)
    for (const id of chosen) {
      assert.notStrictEqual(outcome(id), outcome(), JSON.stringify(mutationsOf("a.ts", source).mutations[id]))
    }
  })

  it("keeps the numbers of its lines", () => {
    const text = "const a = 1\nif (a > 0) {\n  b()\n}\nc()\n"
    const file = mutationsOf("a.ts", text)
    const out = withMutants(text, file, new Map(file.mutations.map((_, index) => [index, index])))
    assert.strictEqual(out.split("\n").findIndex((line) => line.includes("c()")), 4)
  })

  const root = Path.resolve(import.meta.dirname, "../..")
  it("is TypeScript still: every file of packages/core", () => {
    for (const path of Fs.globSync("packages/core/src/**/*.ts", { cwd: root })) {
      const text = Fs.readFileSync(Path.join(root, path), "utf8")
      const file = mutationsOf(path, text)
      const out = withMutants(text, file, new Map(file.mutations.map((_, index) => [index, index])))
      mutationsOf(path, out)
      assert.strictEqual(out.split(`${switchName}(`).length - 1, file.mutations.length, path)
    }
  })
})
