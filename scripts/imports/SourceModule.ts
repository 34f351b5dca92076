/**
 * What one TypeScript file imports, read from its syntax tree: comments and strings that look like imports do not count.
 */
import * as Oxc from "oxc-parser"

/** One `import`, `export … from`, `import()` or `import("…").Type`. */
export interface ModuleImport {
  readonly specifier: string
  readonly line: number
}

/** The imports of a file in the order of their lines. Fails with the parser's message when the file is not TypeScript. */
export const importsOf = (path: string, text: string): ReadonlyArray<ModuleImport> => {
  const { errors, module, program } = Oxc.parseSync(path, text, { sourceType: "module" })
  if (errors.length > 0) throw new Error(`${path}: ${errors.map((error) => error.message).join("; ")}`)
  const found: Array<ModuleImport> = []
  const add = (specifier: string, start: number) => found.push({ specifier, line: lineOf(text, start) })
  for (const { moduleRequest, start } of module.staticImports) add(moduleRequest.value, start)
  for (const { entries, start } of module.staticExports) {
    const from = entries.find(({ moduleRequest }) => moduleRequest !== null)?.moduleRequest
    if (from !== undefined && from !== null) add(from.value, start)
  }
  new Oxc.Visitor({
    ImportExpression: (node) => {
      if (node.source.type === "Literal" && typeof node.source.value === "string") {
        add(node.source.value, node.start)
      }
    },
    TSImportType: (node) => add(node.source.value, node.start)
  }).visit(program)
  return found.toSorted((left, right) => left.line - right.line)
}

const lineOf = (text: string, offset: number): number => {
  let line = 1
  for (let index = text.indexOf("\n"); index !== -1 && index < offset; index = text.indexOf("\n", index + 1)) line++
  return line
}
