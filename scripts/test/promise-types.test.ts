/**
 * The entry for programs without Effect names nothing of Effect: whatever its types are made of, file by file.
 *
 * The declarations are made of the sources as `tsc` makes them, so nothing has to be built before.
 */
import * as fs from "node:fs"
import * as path from "node:path"
import * as Oxc from "oxc-parser"
import { isolatedDeclarationSync } from "rolldown/experimental"
import { assert, describe, it } from "vitest"

const root = path.resolve(import.meta.dirname, "../..")
const entry = path.join(root, "packages/mcp/src/promise.ts")

/** What the declarations of a source refer to. */
const named = (file: string): ReadonlyArray<string> => {
  const { code, errors } = isolatedDeclarationSync(file, fs.readFileSync(file, "utf8"))
  assert.isEmpty(errors.map(({ message }) => `${path.relative(root, file)}: ${message}`))
  const { module, program } = Oxc.parseSync("declarations.d.ts", code, { sourceType: "module" })
  const names = [
    ...module.staticImports.map(({ moduleRequest }) => moduleRequest.value),
    ...module.staticExports.flatMap(({ entries }) => entries.flatMap(({ moduleRequest }) => moduleRequest?.value ?? []))
  ]
  new Oxc.Visitor({ TSImportType: ({ source }) => void names.push(source.value) }).visit(program)
  return names
}

/** All that is named, and by which file, from the entry on. */
const closure = (): ReadonlyMap<string, string> => {
  const outside = new Map<string, string>()
  const seen = new Set<string>()
  const visit = (file: string): void => {
    if (seen.has(file)) return
    seen.add(file)
    for (const name of named(file)) {
      if (name.startsWith(".")) visit(path.resolve(path.dirname(file), name))
      else outside.set(name, path.relative(root, file))
    }
  }
  visit(entry)
  assert.isAbove(seen.size, 3)
  return outside
}

describe("the types of @holdfast/mcp/promise", () => {
  it("name nothing of Effect, and no other package either, the official SDK included", () => {
    assert.deepStrictEqual([...closure()].map(([name, file]) => `${name} in ${file}`), [])
  })
})
