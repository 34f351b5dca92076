/**
 * What a language model is given: what a tool answered, as text, and the schema of a tool's arguments.
 *
 * Promises
 * - Everything in an answer that can be read as text is in its text, in order: texts, embedded text resources, links to resources,
 *   blocks of a kind unknown here as JSON. Where there is no text at all it is the structured content.
 * - What is no text is named with its type and size: `[image/png, 12 KB]`. Nothing of an answer is left out in silence.
 * - A schema has no `anyOf`, `oneOf`, `allOf` or `$ref` at its root, where the interfaces of language models refuse them together
 *   with every other tool of the request.
 *
 * **Gotchas**: a schema without a combination at its root is the server's own; one with it says less than the server's, which still judges
 * the arguments. Structured content is left out beside a text, because servers say the same in both (the protocol tells them to).
 */
import * as Messages from "@holdfast/protocol/Messages"
import * as ModelSchema from "./ModelSchema.ts"

/**
 * The text of an answer, for a model, a person or a pipe. Empty only if the answer is.
 *
 * @example
 * ```ts
 * import * as ModelView from "@holdfast/mcp/ModelView"
 *
 * export const text = ModelView.textOf({
 *   content: [
 *     { type: "text", text: "downloaded" },
 *     { type: "resource", resource: { uri: "repo://a.md", text: "# A" } },
 *     { type: "image", mimeType: "image/png", data: "iVBORw==" }
 *   ]
 * })
 * // downloaded
 * // # A
 * // [image/png, 4 bytes]
 * ```
 */
export const textOf = (result: Messages.CallToolResult): string => {
  const { content, structuredContent } = result
  // Of several files each says which it is.
  const isNamed = content.filter((block) => Messages.isResource(block) && block.resource.text !== undefined).length > 1
  const words = content.map((block) => wordsOf(block, isNamed))
  const hasText = content.some((block) => isReadable(block) && wordsOf(block, false).trim() !== "")
  if (hasText || structuredContent === undefined || structuredContent === null) return words.join("\n")
  return [...words.filter((text) => text.trim() !== ""), jsonOf(structuredContent, 2)].join("\n")
}

/** True for what is in the text as it is; the rest is named there. */
export const isReadable = (block: Messages.ContentBlock): boolean =>
  Messages.isText(block) || Messages.isResourceLink(block) ||
  (Messages.isResource(block) && block.resource.text !== undefined)

/** A block in words: its text, or what it is. */
export const wordsOf = (block: Messages.ContentBlock, isNamed = false): string => {
  if (Messages.isText(block)) return block.text
  if (Messages.isImage(block) || Messages.isAudio(block)) return `[${block.mimeType}, ${sizeOf(block.data)}]`
  if (Messages.isResource(block)) {
    const { blob, mimeType = "resource", text, uri } = block.resource
    if (text !== undefined) return isNamed ? `[${uri}]\n${text}` : text
    return `[${mimeType}${blob === undefined ? "" : `, ${sizeOf(blob)}`}: ${uri}]`
  }
  if (Messages.isResourceLink(block)) {
    const { description, mimeType, name, title = name, uri } = block
    const size = "size" in block && typeof block.size === "number" ? bytes(block.size) : undefined
    const what = [title, mimeType, size].filter((word) => word !== undefined).join(", ")
    return `[${what}: ${uri}]${description === undefined ? "" : ` ${description}`}`
  }
  const json = jsonOf(block)
  return json.length > mostJson ? `[${block.type}, ${bytes(json.length)}]` : json
}

/** Longer than this, an unknown block is more likely data than words. */
const mostJson = 10_000

const jsonOf = (value: unknown, indent?: number): string => {
  try {
    return JSON.stringify(value, undefined, indent)
  } catch {
    // What a server nests without end.
    return "[data that is nested too deeply]"
  }
}

/** The size of what base64 stands for. */
const sizeOf = (base64: string): string =>
  bytes(Math.floor((base64.length - (base64.endsWith("==") ? 2 : base64.endsWith("=") ? 1 : 0)) * 3 / 4))

const bytes = (count: number): string =>
  count < 1024
    ? `${count} bytes`
    : count < 1024 ** 2
    ? `${Math.round(count / 1024)} KB`
    : `${Number((count / 1024 ** 2).toFixed(1))} MB`

/** The schema of a tool's arguments, for a model: see `ModelSchema`. */
export const schemaOf = ModelSchema.of
