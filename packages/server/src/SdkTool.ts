/**
 * A tool of an SDK server (version 1) whose handler is an Effect, on any host: what `EffectTool` and the tools of jobs are made of.
 *
 * Promises
 * - Clients are shown the same schemas at every `tools/list`: those of the arguments, and of the answer if there is one. They hold all that they
 *   refer to, and have an object at their root.
 * - Arguments are what the schema says before the handler sees them; what does not fit is the tool's answer, and names the place.
 * - What a handler fails with is the tool's answer (`isError`, with the error's message). What it dies of is logged, and the client is
 *   told no more than that it failed.
 * - Progress and log messages to a client that has gone, or never asked, are no-ops.
 * - Every call is a span, `tools/call <name>`, in the trace the client says (`traceparent` in `_meta`, or the header), and is counted and timed by
 *   tool and outcome: `holdfast.tool.duration`.
 *
 * @example
 * ```ts
 * import * as SdkTool from "@holdfast/server/SdkTool"
 * import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js"
 * import * as Effect from "effect/Effect"
 * import * as Schema from "effect/Schema"
 *
 * const mcp = new McpServer({ name: "greeter", version: "1.0.0" })
 * SdkTool.register(mcp, {
 *   name: "greet",
 *   input: Schema.Struct({ name: Schema.String }),
 *   handler: ({ name }, { authInfo }) =>
 *     Effect.succeed({ content: [{ type: "text", text: `Hello, ${name}, of ${authInfo?.clientId ?? "here"}` }] })
 * }, (call) => call)
 * ```
 */
import type { ToolAnnotations } from "@holdfast/protocol/Messages"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { complainOf } from "./internal/complain.ts"
import { callOf, type LogLevel, type Progress, spanOf, type ToolCall } from "./internal/handlerCall.ts"
import { measured } from "./internal/metrics/toolDuration.ts"
import { addTool, type AuthInfo, type ToolRegistry, type ToolRequest, type ToolResult } from "./internal/sdk/addTool.ts"

export { type ToolSchema, toolSchema } from "./internal/sdk/toolSchema.ts"
/** Types of the SDK, as far as tools need them. */
export type { AuthInfo, ToolRegistry, ToolResult }
/** What handlers are given of their call. */
export type { LogLevel, Progress, ToolCall }

/** A tool and its handler. */
export interface Tool<Input, E extends { readonly message: string }, R> {
  readonly name: string
  readonly title?: string | undefined
  /** For the model that decides whether to call it. */
  readonly description?: string | undefined
  readonly annotations?: ToolAnnotations | undefined
  readonly input: Schema.Codec<Input, unknown, R, unknown>
  /** What the handler's `structuredContent` is encoded by. Default: clients are told nothing of it. */
  readonly output?: Schema.Constraint | undefined
  /** The number of the session, for spans and logs. */
  readonly session?: number | undefined
  /**
   * Answers a call, with arguments that fit `input`. Its failures are the tool's answer (`isError`), its defects are logged. It is
   * interrupted with its request.
   */
  readonly handler: (input: Input, call: ToolCall) => Effect.Effect<ToolResult, E, R>
}

/** Adds the tool. `run`: gives its calls what they need, and says where they live. They are interrupted with their request. */
export const register = <Input, E extends { readonly message: string }, R>(
  server: ToolRegistry,
  tool: Tool<Input, E, R>,
  run: (call: Effect.Effect<ToolResult, never, R>) => Effect.Effect<ToolResult>
): void => {
  const { name, session } = tool
  addTool(server, name, tool, (request) => {
    let isDefect = false
    const handled = handle(tool, request).pipe(
      Effect.catchDefect((defect) => {
        isDefect = true
        return Effect.as(
          complainOf(`the tool ${name} has failed`, defect),
          failed("the tool has failed; see the server's log")
        )
      })
    )
    const outcomeOf = ({ isError }: ToolResult) => isDefect ? "defect" : isError === true ? "error" : "ok"
    return run(
      measured(name, handled, outcomeOf).pipe(
        Effect.tap(({ isError }) =>
          isError === true ? Effect.annotateCurrentSpan("error.type", "tool_error") : Effect.void
        ),
        Effect.annotateLogs("tool", name),
        spanOf(`tools/call ${name}`, { "mcp.method.name": "tools/call", "gen_ai.tool.name": name }, {
          session,
          request
        })
      )
    )
  })
}

const handle = <Input, E extends { readonly message: string }, R>(
  tool: Tool<Input, E, R>,
  request: ToolRequest
): Effect.Effect<ToolResult, never, R> =>
  Effect.matchEffect(decodeArguments(tool, request.args), {
    onFailure: (words) => Effect.succeed(failed(words)),
    onSuccess: (input) =>
      Effect.catch(
        tool.handler(input, callOf(request)),
        // A program without types may fail with anything: only words are for the caller.
        (error) => typeof error.message === "string" ? Effect.succeed(failed(error.message)) : Effect.die(error)
      )
  })

/** What the tool is called with. Fails with words for the caller. */
export const decodeArguments = <Input, R>(
  { input, name }: { readonly input: Schema.Codec<Input, unknown, R, unknown>; readonly name: string },
  args: unknown
): Effect.Effect<Input, string, R> =>
  Effect.mapError(
    Schema.decodeUnknownEffect(Schema.toCodecJson(input), { errors: "all" })(args),
    ({ message }) => `the arguments of ${name} do not fit: ${message.replaceAll(/\s*\n\s*/g, "; ")}`
  )

/** The tool says that it has failed, in words for the caller. */
export const failed = (text: string): ToolResult => ({ isError: true, content: [{ type: "text", text }] })
