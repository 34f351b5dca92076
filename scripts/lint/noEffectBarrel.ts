/**
 * Rule `holdfast/no-effect-barrel`: import modules (`effect/Effect`), not the barrel.
 *
 * The barrel costs 200 ms at start-up where the modules a program needs cost 60 ms.
 */
import { child, type Node, rule } from "./Oxlint.ts"

const barrels = ["effect", "effect/index", "@effect/platform-node", "@effect/platform-node-shared"]

export const noEffectBarrel = rule("import Effect's modules, not its barrel", (context) => {
  const check = (node: Node) => {
    const source = child(node, "source")?.["value"]
    if (typeof source === "string" && barrels.includes(source)) {
      context.report({ node, message: `"${source}" is a barrel: import the module, as in "effect/Effect"` })
    }
  }
  return {
    ImportDeclaration: check,
    ExportNamedDeclaration: check,
    ExportAllDeclaration: check,
    ImportExpression: check
  }
})
