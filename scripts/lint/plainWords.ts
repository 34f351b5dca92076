/**
 * Rule `holdfast/plain-words`: comments and messages name their subjects. The words: `docs/PlainWords.ts`.
 *
 * A text without a space is a name, not a sentence: it is left alone. So is what stands between back-quotes in a comment.
 */
import { plainer, unplainWord } from "../docs/PlainWords.ts"
import { type Node, rule } from "./Oxlint.ts"

export const plainWords = rule("comments and messages name their subjects", (context) => {
  const judge = (node: Node, text: string) => {
    if (!text.trim().includes(" ")) return
    const found = unplainWord(text)
    if (found !== undefined) context.report({ node, message: plainer(found) })
  }
  return {
    Literal: (node) => {
      if (typeof node["value"] === "string") judge(node, node["value"])
    },
    Program: () => {
      for (const comment of context.sourceCode.getAllComments()) {
        const text = comment.value.replace(/`[^`\n]*`/g, "``")
        for (const [index, line] of text.split("\n").entries()) {
          const found = unplainWord(line)
          if (found === undefined) continue
          const at = comment.loc.start.line + index
          context.report({
            loc: { start: { line: at, column: 0 }, end: { line: at, column: 1 } },
            message: plainer(found)
          })
        }
      }
    },
    TemplateElement: (node) => {
      // The grammar says so.
      judge(node, (node["value"] as { readonly raw: string }).raw)
    }
  }
})
