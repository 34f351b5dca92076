/** A tool on an SDK server (version 1) that is served by an Effect. */
import type { ToolAnnotations } from "@holdfast/protocol/Messages"
import * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import { type AuthInfo, type Extra, type SdkRequest, sdkRequest } from "./sdkRequest.ts"
import { type ToolSchema, toolSchema } from "./toolSchema.ts"

export type { AuthInfo }

/** What of the SDK's `McpServer` is needed, in words of our own: version 1 has it. */
export interface ToolRegistry {
  /** Adds a tool. */
  registerTool(
    name: string,
    config: {
      inputSchema: ToolSchema
      outputSchema?: ToolSchema
      title?: string
      description?: string
      annotations?: ToolAnnotations
    },
    serve: (args: Record<string, unknown>, extra: Extra) => Promise<SdkToolResult>
  ): unknown
}

/** In the form of the protocol, which the SDK checks. */
interface SdkToolResult {
  [member: string]: unknown
  content: Array<never>
}

export interface ToolResult {
  readonly content: ReadonlyArray<{ readonly type: string; readonly [name: string]: unknown }>
  readonly structuredContent?: Readonly<Record<string, unknown>>
  readonly isError?: boolean
}

export interface ToolRequest extends SdkRequest {
  readonly args: unknown
}

export interface ToolConfig {
  readonly title?: string | undefined
  readonly description?: string | undefined
  readonly annotations?: ToolAnnotations | undefined
  readonly input: Schema.Constraint
  readonly output?: Schema.Constraint | undefined
}

export const addTool = (
  server: ToolRegistry,
  name: string,
  { annotations, description, input, output, title }: ToolConfig,
  serve: (request: ToolRequest) => Effect.Effect<ToolResult>
): void =>
  void server.registerTool(
    name,
    {
      inputSchema: toolSchema(input),
      ...(output !== undefined && { outputSchema: toolSchema(output) }),
      ...(title !== undefined && { title }),
      ...(description !== undefined && { description }),
      // The SDK hands it out as it is: a change of it stays with this server.
      ...(annotations !== undefined && { annotations: { ...annotations } })
    },
    (args, extra) => {
      const request = { ...sdkRequest(`the tool ${name}`, extra), args }
      // What comes out is in the protocol's form, and checked by the SDK.
      return Effect.runPromise(serve(request) as Effect.Effect<SdkToolResult>, { signal: extra.signal })
    }
  )
