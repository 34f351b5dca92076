/**
 * The messages of the legacy era that a client reads: handshake, tool list, tool result, progress.
 *
 * Schemas name what this runtime relies on and tolerate everything else: later revisions and vendors add members. `decode…`
 * checks a value against its schema and returns *the value itself*, unknown members included, so nothing a server says is
 * lost on the way to the caller and nothing is copied.
 *
 * **Gotchas**: a content block of a kind that is not listed here is legal (`OtherContent`); tell the kinds apart with
 * `isText` and its like rather than by `type` alone.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/schema
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { checked } from "./internal/checked.ts"

const Members = Schema.Record(Schema.String, Schema.Unknown)

/** Name and version of a program that speaks MCP. */
export const Implementation = Schema.Struct({
  name: Schema.String,
  version: Schema.String,
  title: Schema.optionalKey(Schema.String)
})
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
  experimental: Schema.optionalKey(Members)
})
export interface ServerCapabilities extends Schema.Schema.Type<typeof ServerCapabilities> {}

/** The answer to `initialize`. */
export const InitializeResult = Schema.Struct({
  protocolVersion: Schema.String,
  capabilities: ServerCapabilities,
  serverInfo: Implementation,
  instructions: Schema.optionalKey(Schema.String)
})
export interface InitializeResult extends Schema.Schema.Type<typeof InitializeResult> {}

/** What a server says of a tool's behaviour: hints, not guarantees. The only signals of MCP that a call may be repeated. */
export const ToolAnnotations = Schema.Struct({
  title: Schema.optionalKey(Schema.String),
  readOnlyHint: Schema.optionalKey(Schema.Boolean),
  destructiveHint: Schema.optionalKey(Schema.Boolean),
  idempotentHint: Schema.optionalKey(Schema.Boolean),
  openWorldHint: Schema.optionalKey(Schema.Boolean)
})
export interface ToolAnnotations extends Schema.Schema.Type<typeof ToolAnnotations> {}

/** One tool of a server. Its schemas are JSON Schema, unchecked here. */
export const Tool = Schema.Struct({
  name: Schema.String,
  title: Schema.optionalKey(Schema.String),
  description: Schema.optionalKey(Schema.String),
  inputSchema: Members,
  outputSchema: Schema.optionalKey(Members),
  annotations: Schema.optionalKey(ToolAnnotations)
})
export interface Tool extends Schema.Schema.Type<typeof Tool> {}

/** One page of the answer to `tools/list`. `nextCursor` is opaque; without it this is the last page. */
export const ListToolsResult = Schema.Struct({
  tools: Schema.Array(Tool),
  nextCursor: Schema.optionalKey(Schema.String)
})
export interface ListToolsResult extends Schema.Schema.Type<typeof ListToolsResult> {}

export const TextContent = Schema.Struct({ type: Schema.Literal("text"), text: Schema.String })
export interface TextContent extends Schema.Schema.Type<typeof TextContent> {}

/** `data` is base64. */
export const ImageContent = Schema.Struct({
  type: Schema.Literal("image"),
  data: Schema.String,
  mimeType: Schema.String
})
export interface ImageContent extends Schema.Schema.Type<typeof ImageContent> {}

/** `data` is base64. */
export const AudioContent = Schema.Struct({
  type: Schema.Literal("audio"),
  data: Schema.String,
  mimeType: Schema.String
})
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
export interface ResourceLink extends Schema.Schema.Type<typeof ResourceLink> {}

const knownContentTypes: ReadonlyArray<string> = ["text", "image", "audio", "resource", "resource_link"]

/** Content of a kind that these revisions do not know. */
export const OtherContent = Schema.Struct({
  type: Schema.String.check(Schema.makeFilter((type) => !knownContentTypes.includes(type), {
    expected: "a kind of content other than the known ones"
  }))
})
export interface OtherContent extends Schema.Schema.Type<typeof OtherContent> {}

export const ContentBlock = Schema.Union([
  TextContent,
  ImageContent,
  AudioContent,
  EmbeddedResource,
  ResourceLink,
  OtherContent
])
export type ContentBlock = typeof ContentBlock.Type

/** The answer to `tools/call`. `isError` marks a tool's own failure: an answer like any other, for the caller to read. */
export const CallToolResult = Schema.Struct({
  content: Schema.Array(ContentBlock),
  /** From 2026-07-28 on any JSON, before that an object (SEP-2106). */
  structuredContent: Schema.optionalKey(Schema.Unknown),
  isError: Schema.optionalKey(Schema.Boolean)
})
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

export const isText = (block: ContentBlock): block is TextContent => block.type === "text"
export const isImage = (block: ContentBlock): block is ImageContent => block.type === "image"
export const isAudio = (block: ContentBlock): block is AudioContent => block.type === "audio"
export const isResource = (block: ContentBlock): block is EmbeddedResource => block.type === "resource"
export const isResourceLink = (block: ContentBlock): block is ResourceLink => block.type === "resource_link"

/** The texts of a result, in order, joined by line feeds: what a person or a model reads. */
export const textOf = (result: CallToolResult): string =>
  result.content.filter(isText).map(({ text }) => text).join("\n")

/** Checks the answer to `initialize`. Fails with a sentence that names the member that is wrong. */
export const decodeInitializeResult = checked(InitializeResult)

/** Checks one page of `tools/list`. Fails with a sentence that names the member that is wrong. */
export const decodeListToolsResult = checked(ListToolsResult)

const checkCallToolResult = checked(CallToolResult)

/**
 * Checks the answer to `tools/call`. Fails with a sentence that names the member that is wrong. A missing `content` is taken
 * for an empty one, as the official SDKs do: servers that answer with `structuredContent` alone leave it out.
 */
export const decodeCallToolResult = (result: unknown): Result.Result<CallToolResult, string> => {
  if (isPlainText(result)) return Result.succeed(result)
  return checkCallToolResult(
    typeof result === "object" && result !== null && !("content" in result) ? { ...result, content: [] } : result
  )
}

/** What nearly every answer is, told without the schema: it is a tenth of what a call costs. */
const isPlainText = (result: unknown): result is CallToolResult => {
  if (typeof result !== "object" || result === null) return false
  const { content, isError, structuredContent }: {
    readonly [Name in "content" | "isError" | "structuredContent"]?: unknown
  } = result
  if (!Array.isArray(content) || structuredContent !== undefined) return false
  if (isError !== undefined && typeof isError !== "boolean") return false
  for (const block of content) {
    if (typeof block !== "object" || block === null || block.type !== "text" || typeof block.text !== "string") {
      return false
    }
  }
  return true
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
