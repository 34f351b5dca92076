/**
 * Rule `holdfast/no-async`: libraries are written in Effect, not in `async` functions.
 *
 * A promise loses its cause, its cancellation and its owner. The files that face promises because their callers do are
 * granted `promises` in `PlatformFiles.ts`.
 */
import { allowedIn } from "./exceptions.ts"
import { type Node, rule } from "./Oxlint.ts"

export const noAsync = rule("libraries are written in Effect, not in async functions", (context) => {
  if (allowedIn(context).includes("promises")) return {}
  const check = (node: Node) => {
    if (node["async"] === true) {
      context.report({ node, message: "async function: write an Effect (Effect.gen, Effect.fn, Effect.fnUntraced)" })
    }
  }
  return {
    FunctionDeclaration: check,
    FunctionExpression: check,
    ArrowFunctionExpression: check
  }
})
