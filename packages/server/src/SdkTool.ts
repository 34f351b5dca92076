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
import * as Headers from "effect/http/Headers"
import * as HttpTraceContext from "effect/http/HttpTraceContext"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type * as Tracer from "effect/Tracer"
import { complainOf } from "./internal/complain.ts"
import { measured } from "./internal/metrics/toolDuration.ts"
import { addTool, type AuthInfo, type ToolRegistry, type ToolRequest, type ToolResult } from "./internal/sdk/addTool.ts"

export { type ToolSchema, toolSchema } from "./internal/sdk/toolSchema.ts"
/** Types of the SDK, as far as tools need them. */
export type { AuthInfo, ToolRegistry, ToolResult }

/** What the client sees of how far a call is. */
export interface Progress {
  /** Grows with every report. */
  readonly progress: number
  readonly total?: number | undefined
  readonly message?: string | undefined
}

/** The levels of RFC 5424, as MCP has them. */
export type LogLevel = "debug" | "info" | "notice" | "warning" | "error" | "critical" | "alert" | "emergency"

/** The call a handler serves. */
export interface ToolCall {
  readonly requestId: string | number
  /** What the host says of the caller, if it uses the SDK's authentication. On a host of ours `clientId` is the principal's. */
  readonly authInfo: AuthInfo | undefined
  /** Tells the client how far it is, if it wants to know. */
  readonly progress: (progress: Progress) => Effect.Effect<void>
  /** Tells the client what happens, as a log message of the server's. */
  readonly log: (level: LogLevel, data: unknown) => Effect.Effect<void>
}

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
  const place = session === undefined ? undefined : { "holdfast.session": session }
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
        Effect.annotateLogs({ ...(session !== undefined && { session }), tool: name }),
        Effect.withSpan(`tools/call ${name}`, {
          kind: "server",
          attributes: { "mcp.method.name": "tools/call", "gen_ai.tool.name": name, ...place },
          ...parentOf(request.traceparent)
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
        tool.handler(input, {
          requestId: request.id,
          authInfo: request.authInfo,
          progress: (progress) => request.progress === undefined ? Effect.void : request.progress(progress),
          log: (level, data) => request.log(level, data)
        }),
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

/** Not the span in which the tool was registered: that of an earlier request, if of any. */
const parentOf = (traceparent: string | undefined): Pick<Tracer.SpanOptions, "parent" | "root"> => {
  const parent = HttpTraceContext.w3c(Headers.fromInput({ traceparent }))
  return Option.isSome(parent) ? { parent: parent.value } : { root: true }
}
