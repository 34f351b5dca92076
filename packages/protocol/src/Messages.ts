/**
 * The messages of the legacy era that a client reads: handshake, tool list, tool result, progress.
 *
 * Schemas name what this runtime relies on and tolerate everything else: later revisions and vendors add members. `decode…`
 * checks a value against its schema and returns *the value itself*, unknown members included, so nothing a server says is
 * lost on the way to the caller and nothing is copied.
 *
 * A value that does not fit is read as far as it can be. `null` is absence, for a list the empty one. A tool or content block that
 * cannot be read is left out, and so is an optional member; `tell` is called with a clause that names either and says why. Only
 * what is required and cannot be read fails the whole.
 *
 * **Gotchas**: a content block of a kind that is not listed here is legal (`OtherContent`). Its `type` is a type of its own, so that
 * a `switch` on `type` narrows; `isText` and its like do the same for `filter`.
 *
 * @example
 * ```ts
 * import * as Messages from "@holdfast/protocol/Messages"
 * import * as Result from "effect/Result"
 *
 * const read = Messages.decodeCallToolResult({ content: [{ type: "text", text: "42" }] })
 * export const texts = Result.isSuccess(read) ? read.success.content.filter(Messages.isText).map(({ text }) => text) : []
 * ```
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/schema
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { mendInputSchema } from "./internal/inputSchema.ts"
import { ignore, isObject, nameOf, readBoolean, type Tell, tolerant } from "./internal/tolerant.ts"

const Members = Schema.Record(Schema.String, Schema.Unknown)

/** Name and version of a program that speaks MCP. */
export const Implementation = Schema.Struct({
  name: Schema.String,
  version: Schema.String,
  title: Schema.optionalKey(Schema.String)
})
/** What the schema `Implementation` reads. */
export interface Implementation extends Schema.Schema.Type<typeof Implementation> {}

const ListChanged = Schema.Struct({ listChanged: Schema.optionalKey(Schema.Boolean) })

/** What a server offers. A member that is present is offered, whatever is in it. */
export const ServerCapabilities = Schema.Struct({
  tools: Schema.optionalKey(ListChanged),
  prompts: Schema.optionalKey(ListChanged),
  resources: Schema.optionalKey(Schema.Struct({
    listChanged: Schema.optionalKey(Schema.Boolean),
    subscribe: Schema.optionalKey(Schema.Boolean)
  })),
  logging: Schema.optionalKey(Members),
  completions: Schema.optionalKey(Members),
  tasks: Schema.optionalKey(Members),
  extensions: Schema.optionalKey(Members),
  experimental: Schema.optionalKey(Members)
})
/** What the schema `ServerCapabilities` reads. */
export interface ServerCapabilities extends Schema.Schema.Type<typeof ServerCapabilities> {}

/** The answer to `initialize`. */
export const InitializeResult = Schema.Struct({
  protocolVersion: Schema.String,
  capabilities: ServerCapabilities,
  serverInfo: Implementation,
  instructions: Schema.optionalKey(Schema.String)
})
/** What the schema `InitializeResult` reads. */
export interface InitializeResult extends Schema.Schema.Type<typeof InitializeResult> {}

/** What a server says of a tool's behaviour: hints, not guarantees. The only signals of MCP that a call may be repeated. */
export const ToolAnnotations = Schema.Struct({
  title: Schema.optionalKey(Schema.String),
  readOnlyHint: Schema.optionalKey(Schema.Boolean),
  destructiveHint: Schema.optionalKey(Schema.Boolean),
  idempotentHint: Schema.optionalKey(Schema.Boolean),
  openWorldHint: Schema.optionalKey(Schema.Boolean)
})
/** What the schema `ToolAnnotations` reads. */
export interface ToolAnnotations extends Schema.Schema.Type<typeof ToolAnnotations> {}

/** How a tool is run. `taskSupport`: whether a call of it may be a task, or must be one. Default: `forbidden`. */
export const ToolExecution = Schema.Struct({
  taskSupport: Schema.optionalKey(Schema.Literals(["forbidden", "optional", "required"]))
})
/** What the schema `ToolExecution` reads. */
export interface ToolExecution extends Schema.Schema.Type<typeof ToolExecution> {}

/** One tool of a server. Its schemas are JSON Schema, unchecked here. */
export const Tool = Schema.Struct({
  name: Schema.String,
  title: Schema.optionalKey(Schema.String),
  description: Schema.optionalKey(Schema.String),
  inputSchema: Members,
  outputSchema: Schema.optionalKey(Members),
  annotations: Schema.optionalKey(ToolAnnotations),
  execution: Schema.optionalKey(ToolExecution)
})
/** What the schema `Tool` reads. */
export interface Tool extends Schema.Schema.Type<typeof Tool> {}

/** One page of the answer to `tools/list`. `nextCursor` is opaque; without it this is the last page. */
export const ListToolsResult = Schema.Struct({
  tools: Schema.Array(Tool),
  nextCursor: Schema.optionalKey(Schema.String)
})
/** What the schema `ListToolsResult` reads. */
export interface ListToolsResult extends Schema.Schema.Type<typeof ListToolsResult> {}

/** Text, for a model or a person. */
export const TextContent = Schema.Struct({ type: Schema.Literal("text"), text: Schema.String })
/** What the schema `TextContent` reads. */
export interface TextContent extends Schema.Schema.Type<typeof TextContent> {}

/** `data` is base64. */
export const ImageContent = Schema.Struct({
  type: Schema.Literal("image"),
  data: Schema.String,
  mimeType: Schema.String
})
/** What the schema `ImageContent` reads. */
export interface ImageContent extends Schema.Schema.Type<typeof ImageContent> {}

/** `data` is base64. */
export const AudioContent = Schema.Struct({
  type: Schema.Literal("audio"),
  data: Schema.String,
  mimeType: Schema.String
})
/** What the schema `AudioContent` reads. */
export interface AudioContent extends Schema.Schema.Type<typeof AudioContent> {}

/** A resource's content, as text or, in `blob`, as base64. */
export const EmbeddedResource = Schema.Struct({
  type: Schema.Literal("resource"),
  resource: Schema.Struct({
    uri: Schema.String,
    mimeType: Schema.optionalKey(Schema.String),
    text: Schema.optionalKey(Schema.String),
    blob: Schema.optionalKey(Schema.String)
  })
})
/** What the schema `EmbeddedResource` reads. */
export interface EmbeddedResource extends Schema.Schema.Type<typeof EmbeddedResource> {}

/** A resource that can be read by its `uri`. */
export const ResourceLink = Schema.Struct({
  type: Schema.Literal("resource_link"),
  uri: Schema.String,
  name: Schema.String,
  title: Schema.optionalKey(Schema.String),
  description: Schema.optionalKey(Schema.String),
  mimeType: Schema.optionalKey(Schema.String)
})
/** What the schema `ResourceLink` reads. */
export interface ResourceLink extends Schema.Schema.Type<typeof ResourceLink> {}

const knownContentTypes: ReadonlyArray<string> = ["text", "image", "audio", "resource", "resource_link"]

/**
 * The `type` of content that these revisions do not know: any text but the known ones. TypeScript has no such type. An enum, which is a
 * text and none of the others, lets `type` alone tell all blocks apart. No value is its member: read it as a `string`.
 */
declare enum OtherContentType {
  unknown = "any text but the known ones"
}
export type { OtherContentType }

const otherContentType = Schema.String.check(Schema.makeFilter((type) => !knownContentTypes.includes(type), {
  expected: "a kind of content other than the known ones"
}))

/** Content of a kind that these revisions do not know. */
export const OtherContent = Schema.Struct({
  // The enum stands for what the check lets through.
  type: otherContentType as Schema.Schema<string> as Schema.Codec<OtherContentType, string>
})
/** What the schema `OtherContent` reads. */
export interface OtherContent extends Schema.Schema.Type<typeof OtherContent> {}

/** One part of a tool's answer or of a prompt. Other kinds are legal, too: see `OtherContent`. */
export const ContentBlock = Schema.Union([
  TextContent,
  ImageContent,
  AudioContent,
  EmbeddedResource,
  ResourceLink,
  OtherContent
])
/** What the schema `ContentBlock` reads. */
export type ContentBlock = typeof ContentBlock.Type

/** The answer to `tools/call`. `isError` marks a tool's own failure: an answer like any other, for the caller to read. */
export const CallToolResult = Schema.Struct({
  content: Schema.Array(ContentBlock),
  /**
   * From 2026-07-28 on any JSON, before that an object (SEP-2106). A whole number in it that JavaScript's numbers cannot hold is a
   * `JSON.rawJSON` object: `JSON.stringify` writes it exactly, and its `rawJSON` member has the digits, for `BigInt`.
   */
  structuredContent: Schema.optionalKey(Schema.Unknown),
  isError: Schema.optionalKey(Schema.Boolean)
})
/** What the schema `CallToolResult` reads. */
export interface CallToolResult extends Schema.Schema.Type<typeof CallToolResult> {}

/** How far a call has come. `progress` grows; `total` is set when it is known. */
export interface Progress {
  readonly progress: number
  readonly total?: number
  readonly message?: string
}

/** What `notifications/progress` carries: whose progress, and how far. */
export interface ProgressParams {
  readonly progressToken: string | number
  readonly progress: Progress
}

/** Whether a block is text. */
export const isText = (block: ContentBlock): block is TextContent => block.type === "text"
/** Whether a block is an image. */
export const isImage = (block: ContentBlock): block is ImageContent => block.type === "image"
/** Whether a block is audio. */
export const isAudio = (block: ContentBlock): block is AudioContent => block.type === "audio"
/** Whether a block holds the content of a resource. */
export const isResource = (block: ContentBlock): block is EmbeddedResource => block.type === "resource"
/** Whether a block points to a resource. */
export const isResourceLink = (block: ContentBlock): block is ResourceLink => block.type === "resource_link"

/**
 * Reads the answer to `initialize`. Fails with a sentence that names the member that is wrong. A server that leaves out its version,
 * or what it offers, is taken for one without.
 */
export const decodeInitializeResult = tolerant(InitializeResult, (result, tell) => {
  const { capabilities, serverInfo }: { readonly [Name in "capabilities" | "serverInfo"]?: unknown } = result
  const info = isObject(serverInfo) ? serverInfo : {}
  const { name, version } = info
  if ((capabilities ?? undefined) === undefined) tell("capabilities are missing: it is taken to offer none")
  if (!isObject(serverInfo)) tell("serverInfo is missing")
  else if (typeof name !== "string") tell("serverInfo has no name")
  else if (typeof version !== "string") tell("serverInfo has no version that is a text")
  return {
    ...result,
    capabilities: capabilities ?? {},
    serverInfo: {
      ...info,
      name: name ?? "unknown",
      version: typeof version === "string" || typeof version === "number" ? String(version) : "unknown"
    }
  }
})

const readListToolsResult = tolerant(ListToolsResult, (page, tell) => {
  if (!("tools" in page) || !Array.isArray(page.tools)) return page
  const tools = page.tools.map((tool: unknown, index) =>
    !isObject(tool) || typeof tool["name"] !== "string" || isObject(tool["inputSchema"])
      ? tool
      : { ...tool, inputSchema: mendInputSchema(tool["inputSchema"], () => nameOf("tools", tool, index), tell) }
  )
  return { ...page, tools }
})

/**
 * Reads one page of `tools/list`. Fails with a sentence that names the member that is wrong. The schema of a tool's arguments is that
 * of an object afterwards: what of it cannot be read, or is not there, is taken for "anything".
 */
export const decodeListToolsResult = (
  answer: unknown,
  tell: Tell = ignore
): Result.Result<ListToolsResult, string> =>
  Result.map(readListToolsResult(answer, tell), (page) => {
    let tools: Array<Tool> | undefined
    for (const [index, tool] of page.tools.entries()) {
      const inputSchema = mendInputSchema(tool.inputSchema, () => nameOf("tools", tool, index), tell)
      if (inputSchema === tool.inputSchema) continue
      tools ??= [...page.tools]
      tools[index] = { ...tool, inputSchema }
    }
    return tools === undefined ? page : { ...page, tools }
  })

const readCallToolResult = tolerant(CallToolResult)

/**
 * Reads the answer to `tools/call`. Fails with a sentence that names the member that is wrong. A missing `content` is taken
 * for an empty one, as the official SDKs do: servers that answer with `structuredContent` alone leave it out. An answer of which
 * nothing can be read, or not whether it is an error, is none.
 */
export const decodeCallToolResult = (
  result: unknown,
  tell: Tell = ignore
): Result.Result<CallToolResult, string> => {
  if (isPlain(result)) return Result.succeed(result)
  if (!isObject(result)) return readCallToolResult(result)
  const { content = [], isError } = result
  if (isError !== undefined && isError !== null && readBoolean(isError) === undefined) {
    return Result.fail("isError says neither yes nor no")
  }
  let oddity: string | undefined
  const read = readCallToolResult(content === result["content"] ? result : { ...result, content }, (each) => {
    oddity ??= each
    tell(each)
  })
  return oddity !== undefined && Array.isArray(content) && content.length > 0 && Result.isSuccess(read) &&
      read.success.content.length === 0 && (result["structuredContent"] ?? undefined) === undefined
    ? Result.fail(oddity)
    : read
}

/** What nearly every answer is, told without the schema, which is a tenth of what a call costs. */
const isPlain = (result: unknown): result is CallToolResult => {
  if (typeof result !== "object" || result === null) return false
  const { content, isError }: { readonly [Name in "content" | "isError"]?: unknown } = result
  return Array.isArray(content) && (isError === undefined || typeof isError === "boolean") &&
    content.every(isPlainBlock)
}

const isPlainBlock = (block: unknown): boolean => {
  if (typeof block !== "object" || block === null) return false
  const { data, mimeType, text, type }: { readonly [Name in "data" | "mimeType" | "text" | "type"]?: unknown } = block
  return type === "text"
    ? typeof text === "string"
    : (type === "image" || type === "audio") && typeof data === "string" && typeof mimeType === "string"
}

/** Reads the parameters of `notifications/progress`; `undefined` when they are not what the protocol prescribes. */
export const readProgress = (params: unknown): ProgressParams | undefined => {
  if (typeof params !== "object" || params === null) return undefined
  const members: { readonly [Name in "progressToken" | "progress" | "total" | "message"]?: unknown } = params
  const { message, progress, progressToken, total } = members
  if (typeof progressToken !== "string" && typeof progressToken !== "number") return undefined
  if (typeof progress !== "number") return undefined
  return {
    progressToken,
    progress: {
      progress,
      ...(typeof total === "number" ? { total } : {}),
      ...(typeof message === "string" ? { message } : {})
    }
  }
}
