/**
 * The messages of MCP for programs without Effect: what `@holdfast/protocol` reads, as interfaces that name nothing of Effect.
 *
 * Types alone. That they say what the schemas say is checked where values go from one to the other, by the compiler.
 */

/** What a server says of a tool's behaviour: hints, not guarantees. */
export interface ToolAnnotations {
  readonly title?: string
  readonly readOnlyHint?: boolean
  readonly destructiveHint?: boolean
  readonly idempotentHint?: boolean
  readonly openWorldHint?: boolean
}

/** Text, for a model or a person. */
export interface TextContent {
  readonly type: "text"
  readonly text: string
}

/** `data` is base64. */
export interface ImageContent {
  readonly type: "image"
  readonly data: string
  readonly mimeType: string
}

/** `data` is base64. */
export interface AudioContent {
  readonly type: "audio"
  readonly data: string
  readonly mimeType: string
}

/** A resource's content, as text or, in `blob`, as base64. */
export interface EmbeddedResource {
  readonly type: "resource"
  readonly resource: ResourceContents
}

/** A resource that can be read by its `uri`. */
export interface ResourceLink {
  readonly type: "resource_link"
  readonly uri: string
  readonly name: string
  readonly title?: string
  readonly description?: string
  readonly mimeType?: string
}

/**
 * Any text but the known kinds. TypeScript has no such type: an enum, which is a text and none of the others, lets `type` alone tell all blocks
 * apart. No value is its member: read it as a `string`.
 */
declare enum OtherContentType {
  unknown = "any text but the known ones"
}
export type { OtherContentType }

/** Content of a kind that is none of the others. */
export interface OtherContent {
  readonly type: OtherContentType
}

/**
 * One part of a tool's answer or of a prompt. Tell them apart by `type`:
 *
 * @example
 * ```ts
 * import type { ContentBlock } from "@holdfast/mcp/promise"
 *
 * export const shown = (block: ContentBlock): string => {
 *   switch (block.type) {
 *     case "text":
 *       return block.text
 *     case "image":
 *     case "audio":
 *       return `data:${block.mimeType};base64,${block.data}`
 *     case "resource":
 *       return block.resource.text ?? block.resource.uri
 *     case "resource_link":
 *       return block.uri
 *     default:
 *       return block.type
 *   }
 * }
 * ```
 */
export type ContentBlock =
  | TextContent
  | ImageContent
  | AudioContent
  | EmbeddedResource
  | ResourceLink
  | OtherContent

/** How far a call has come. `progress` grows; `total` is set when it is known. */
export interface Progress {
  readonly progress: number
  readonly total?: number
  readonly message?: string
}

/** A resource that can be read by its `uri`. `size` is in bytes. */
export interface Resource {
  readonly uri: string
  readonly name: string
  readonly title?: string
  readonly description?: string
  readonly mimeType?: string
  readonly size?: number
}

/** Resources whose URIs follow a template (RFC 6570). */
export interface ResourceTemplate {
  readonly uriTemplate: string
  readonly name: string
  readonly title?: string
  readonly description?: string
  readonly mimeType?: string
}

/** Content as `text` or, base64, as `blob`. */
export interface ResourceContents {
  readonly uri: string
  readonly mimeType?: string
  readonly text?: string
  readonly blob?: string
}

/** A prompt that a server offers. */
export interface Prompt {
  readonly name: string
  readonly title?: string
  readonly description?: string
  readonly arguments?: ReadonlyArray<PromptArgument>
}

/** An argument of a prompt. It is optional unless `required` says otherwise. */
export interface PromptArgument {
  readonly name: string
  readonly title?: string
  readonly description?: string
  readonly required?: boolean
}

/** `role` is `user` or `assistant`. */
export interface PromptMessage {
  readonly role: string
  readonly content: ContentBlock
}

/** A prompt, filled in. */
export interface PromptResult {
  readonly description?: string
  readonly messages: ReadonlyArray<PromptMessage>
}

/** What may be completed: an argument of a prompt, or a variable of a resource template. */
export interface CompletionRequest {
  readonly ref:
    | { readonly type: "ref/prompt"; readonly name: string }
    | { readonly type: "ref/resource"; readonly uri: string }
  readonly argument: { readonly name: string; readonly value: string }
  /** What has been filled in already. */
  readonly context?: { readonly arguments?: Readonly<Record<string, string>> } | undefined
}

/** What the server proposes: at most 100 values, of `total` there are. */
export interface Completion {
  readonly values: ReadonlyArray<string>
  readonly total?: number
  readonly hasMore?: boolean
}
