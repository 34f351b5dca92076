/**
 * The messages of MCP that callers see: tools, results, content, progress; and `ModelView.textOf`. Here so that a caller needs one package.
 *
 * @example
 * ```ts
 * import { Messages } from "@holdfast/mcp"
 *
 * export const text = Messages.textOf({ content: [{ type: "text", text: "hello" }] })
 * ```
 */
export * from "@holdfast/protocol/Messages"
export { textOf } from "./ModelView.ts"
