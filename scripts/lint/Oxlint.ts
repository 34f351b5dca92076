/**
 * The little of oxlint's ESLint-compatible plugin API that our rules use, typed.
 *
 * Nodes stay loosely typed on purpose: rules look at a handful of fields and compare them with literals.
 */

export interface Node {
  readonly type: string
  readonly range: readonly [number, number]
  readonly loc: { readonly start: { readonly line: number }; readonly end: { readonly line: number } }
  readonly parent: Node | null
  readonly [field: string]: unknown
}

/** Where a problem is that has no node, such as a line of a comment. */
export interface Place {
  readonly start: { readonly line: number; readonly column: number }
  readonly end: { readonly line: number; readonly column: number }
}

export interface Comment {
  readonly type: string
  readonly value: string
  readonly loc: Node["loc"]
}

export interface Reference {
  readonly identifier: Node
  readonly isTypeReference?: boolean
  readonly isValueReference?: boolean
}

export interface Variable {
  readonly name: string
  readonly defs: ReadonlyArray<unknown>
  readonly references: ReadonlyArray<Reference>
}

export interface Context {
  readonly filename: string
  readonly cwd: string
  readonly report: (
    problem: { readonly message: string } & ({ readonly node: Node } | { readonly loc: Place })
  ) => void
  readonly sourceCode: {
    readonly getAllComments: () => ReadonlyArray<Comment>
    readonly getDeclaredVariables: (node: Node) => ReadonlyArray<Variable>
    readonly scopeManager: {
      readonly globalScope: {
        readonly through: ReadonlyArray<Reference>
        readonly variables: ReadonlyArray<Variable>
      } | null
    }
  }
}

export interface Rule {
  readonly meta: { readonly type: "problem"; readonly docs: { readonly description: string } }
  readonly create: (context: Context) => Readonly<Record<string, (node: Node) => void>>
}

/** Builds a rule from its one-sentence description and its visitors. */
export const rule = (description: string, create: Rule["create"]): Rule => ({
  meta: { type: "problem", docs: { description } },
  create
})

/** The child node in a field that the grammar says holds one. */
export const child = (node: Node, field: string): Node | undefined => {
  const value = node[field]
  // ESTree: a field either holds a node, or something without a `type`.
  return typeof value === "object" && value !== null && "type" in value ? value as Node : undefined
}

/** The child nodes in a field that the grammar says holds a list. */
export const children = (node: Node, field: string): ReadonlyArray<Node> => {
  const value = node[field]
  // ESTree: lists of the fields we ask for hold nodes only.
  return Array.isArray(value) ? value as ReadonlyArray<Node> : []
}

/** The name read off `x.name` or `x["name"]`. */
export const memberName = (node: Node): string | undefined => {
  const property = child(node, "property")
  if (property === undefined) return undefined
  const name = node["computed"] === true ? property["value"] : property["name"]
  return typeof name === "string" ? name : undefined
}
