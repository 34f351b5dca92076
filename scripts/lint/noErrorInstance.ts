/**
 * Rule `holdfast/no-error-instance`: an error of the platform is not asked for its class.
 *
 * A test runner, a plug-in host or a `vm` context has an `Error` of its own, and what the file system or a socket fails with is no
 * instance of it. `isNativeError` of `node:util/types` knows errors of every realm. Classes of our own are free.
 */
import { child, type Node, rule } from "./Oxlint.ts"

const errors = ["Error", "TypeError", "RangeError", "SyntaxError", "AggregateError", "DOMException"]

export const noErrorInstance = rule("errors of the platform are known in every realm", (context) => ({
  BinaryExpression: (node: Node) => {
    const name = child(node, "right")?.["name"]
    if (node["operator"] !== "instanceof" || typeof name !== "string" || !errors.includes(name)) return
    context.report({ node, message: `instanceof ${name} is false for errors of another realm: isNativeError` })
  }
}))
