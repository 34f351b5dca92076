/** The README's table of options, compared with the one place where they are: their names, words and defaults in `PoolPolicy.options`. */
import { assert, describe, it } from "@effect/vitest"
import { PoolPolicy } from "@holdfast/core"
import * as fs from "node:fs"

const read = (path: string): string => fs.readFileSync(new URL(path, import.meta.url), "utf8")

interface Option {
  readonly path: string
  readonly words: string
  /** As the docstring says it. */
  readonly fallback: string | undefined
}

/** Every option by its docstring. Parts of a group follow it, further to the right. */
const documented = (source: string): ReadonlyArray<Option> => {
  let group = ""
  const docstrings = source.matchAll(/^( {2}| {4})\/\*\*((?:(?!\*\/)[^])+)\*\/\n\1(\w+): /gm)
  return Array.from(docstrings, ([, indent = "", docstring = "", name = ""]) => {
    if (indent.length === 2) group = name
    const text = docstring.replaceAll(/\n\s*\* ?/g, " ").trim()
    const [words = "", fallback] = text.split(/ ?Default: (?=[^:]*$)/)
    return { path: indent.length === 2 ? name : `${group}.${name}`, words, fallback: fallback?.replace(/\.$/, "") }
  })
}

const inWords = (value: unknown, isTime: boolean): string => {
  if (value === Number.POSITIVE_INFINITY) return "none"
  if (!isTime || typeof value !== "number") return String(value)
  if (value < 1000) return `${value} ms`
  return value < 60_000 ? `${value / 1000} s` : `${value / 60_000} min`
}

const at = (value: unknown, path: string): unknown =>
  path.split(".").reduce<unknown>((inner, name) => Reflect.get(Object(inner), name), value)

const options = documented(read("../src/PoolPolicy.ts"))

describe("the options of a pool", () => {
  it("have a docstring each, which says the default as it is", () => {
    const parts = Object.entries(PoolPolicy.defaults).flatMap(([name, value]) =>
      typeof value === "object" ? [name, ...Object.keys(Object(value)).map((part) => `${name}.${part}`)] : [name]
    )
    assert.sameMembers(options.map(({ path }) => path), parts)
    for (const { fallback, path } of options) {
      const value = at(PoolPolicy.defaults, path)
      if (typeof value === "object") assert.isUndefined(fallback, path)
      // Made of `backoff`.
      else if (path === "reconnect") assert.include(fallback, "Backoff.schedule(backoff)")
      else {assert.match(
          fallback ?? "",
          new RegExp(`^\`?${inWords(value, /^[\d.]+ (ms|s|min)\b/.test(fallback ?? ""))}\\b`),
          path
        )}
    }
  })

  it("are in the README's table, in the same words", () => {
    const rows = read("../README.md").split("\n").filter((line) => /^\| `[a-z]\w*(\.\w+)?` +\|/.test(line)).map((
      line
    ) => line.split("|").slice(1, -1).map((cell) => cell.trim()))
    assert.deepStrictEqual(
      rows,
      options.map(({ fallback = "", path, words }) => [`\`${path}\``, fallback, words])
    )
  })
})
