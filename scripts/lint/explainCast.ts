/**
 * Rule `holdfast/explain-cast`: an `as` carries a comment that says why it is true.
 *
 * The comment stands on a line of the cast, on the line above it, or on the line above its statement. `as const` and
 * `satisfies` check instead of claiming, so they need none. Doc comments describe the thing, not the cast: they do not count.
 */
import { child, type Comment, type Node, rule } from "./Oxlint.ts"

export const explainCast = rule("a cast carries a comment that says why it is true", (context) => {
  let reasons: ReadonlyArray<Comment> | undefined
  const check = (node: Node) => {
    if (isConst(node) || node.parent?.type === "TSAsExpression") return
    reasons ??= context.sourceCode.getAllComments().filter(isReason)
    const { end, start } = node.loc
    const statement = statementOf(node).loc.start.line
    const explained = reasons.some(({ loc }) =>
      (loc.start.line >= start.line && loc.start.line <= end.line) ||
      loc.end.line === start.line - 1 ||
      loc.end.line === statement - 1
    )
    if (!explained) context.report({ node, message: "cast without a reason: say in a comment why it is true" })
  }
  return { TSAsExpression: check, TSTypeAssertion: check }
})

const isConst = (node: Node): boolean => {
  const type = child(node, "typeAnnotation")
  return type?.type === "TSTypeReference" && child(type, "typeName")?.["name"] === "const"
}

const isReason = ({ type, value }: Comment): boolean =>
  !(type === "Block" && value.startsWith("*")) && !/^\s*(oxlint-|eslint-|@ts-|dprint-)/.test(value)

const statementOf = (node: Node): Node => {
  let current = node
  while (current.parent !== null && !/Statement$|Declaration$|^PropertyDefinition$/.test(current.type)) {
    current = current.parent
  }
  return current
}
