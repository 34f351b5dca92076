/**
 * Tools of an SDK server whose handlers are Effects: with the services around them, and a life of their own.
 *
 * Promises
 * - A handler runs in a fiber of its session (or of another Scope it is given): a client that disconnects does not stop it, a
 *   cancellation and the end of the session do.
 * - Arguments are what the schema says before the handler sees them; clients are shown the same schema.
 * - What a handler fails with is the tool's answer (`isError`, with the error's message). What it dies of is logged, and the client is
 *   told no more than that it failed.
 * - Progress and log messages to a client that has gone, or never asked, are no-ops.
 *
 * @example
 * ```ts
 * import * as EffectTool from "@holdfast/server/EffectTool"
 * import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js"
 * import * as Effect from "effect/Effect"
 * import * as Schema from "effect/Schema"
 *
 * export const server = Effect.gen(function*() {
 *   const mcp = new McpServer({ name: "greeter", version: "1.0.0" })
 *   yield* EffectTool.register(mcp, "greet", {
 *     description: "Says hello, slowly",
 *     input: { name: Schema.String }
 *   }, ({ name }, call) =>
 *     call.progress({ progress: 1, total: 2 }).pipe(
 *       Effect.andThen(Effect.sleep("1 second")),
 *       Effect.as(`Hello, ${name}`)
 *     ))
 *   return mcp
 * })
 * ```
 */
import type { ToolAnnotations } from "@holdfast/protocol/Messages"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import { addTool, type ToolRegistry, type ToolRequest, type ToolResult } from "./internal/sdk/addTool.ts"
import { Session } from "./Session.ts"

export type { ToolRegistry, ToolResult }

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
  /** Tells the client how far it is, if it wants to know. */
  readonly progress: (progress: Progress) => Effect.Effect<void>
  /** Tells the client what happens, as a log message of the server's. */
  readonly log: (level: LogLevel, data: unknown) => Effect.Effect<void>
}

export interface ToolOptions<Fields extends Schema.Struct.Fields> {
  readonly title?: string | undefined
  /** For the model that decides whether to call it. */
  readonly description?: string | undefined
  /** The arguments. Default: none. */
  readonly input?: Fields | undefined
  readonly annotations?: ToolAnnotations | undefined
  /** Where the handlers live. Default: with the session of the call. */
  readonly owner?: Scope.Scope | undefined
}

/**
 * Adds a tool. A handler's text is the answer's text; an object with `content` is the answer itself; anything else is structured
 * content, and its JSON the text. What the handler needs is taken from here, but for its `Session`, which is the call's.
 */
export const register = <A, E extends { readonly message: string }, R, const Fields extends Schema.Struct.Fields = {}>(
  server: ToolRegistry,
  name: string,
  options: ToolOptions<Fields>,
  handler: (args: Schema.Struct.Type<Fields>, call: ToolCall) => Effect.Effect<A, E, R>
): Effect.Effect<void, never, Session | Exclude<R, Session | Scope.Scope> | Schema.Struct.DecodingServices<Fields>> =>
  Effect.gen(function*() {
    // The default of `Fields` is what stands for no arguments.
    const input = Schema.Struct(options.input ?? ({} as Fields))
    const decode = Schema.decodeUnknownEffect(input, { errors: "all" })
    const session = yield* Session
    const around = yield* Effect.context<Exclude<R, Session | Scope.Scope> | Schema.Struct.DecodingServices<Fields>>()
    // A Scope that happens to be around here is none for what a handler acquires.
    const context = Context.add(Context.omit(Scope.Scope)(around), Session, session)
    const owner = options.owner ?? session.scope

    const serve = (request: ToolRequest): Effect.Effect<ToolResult> => {
      const call: ToolCall = {
        requestId: request.id,
        progress: (progress) => request.progress === undefined ? Effect.void : request.progress(progress),
        log: (level, data) => request.log(level, data)
      }
      const handled = decode(request.args).pipe(
        Effect.matchEffect({
          onFailure: (error) => Effect.succeed(failed(`the arguments are wrong: ${error.message}`)),
          onSuccess: (args) =>
            Effect.match(Effect.scoped(handler(args, call)), {
              onFailure: ({ message }) => failed(message),
              onSuccess: resultOf
            })
        }),
        Effect.catchDefect((defect) =>
          Effect.as(
            Effect.logError(`the tool ${name} has failed`, defect),
            failed("the tool has failed; see the server's log")
          )
        )
      )
      // The rest of the context is the handler's own: it was taken from around its registration.
      const provided = Effect.provideContext(handled, context) as Effect.Effect<ToolResult>
      return Effect.flatMap(Effect.forkIn(provided, owner, { startImmediately: true }), (fiber) =>
        Effect.flatMap(
          Effect.onInterrupt(Fiber.await(fiber), () => Fiber.interrupt(fiber)),
          (exit) => Exit.isSuccess(exit) ? Effect.succeed(exit.value) : Effect.succeed(interrupted(exit.cause))
        ))
    }
    addTool(server, name, {
      title: options.title,
      description: options.description,
      annotations: options.annotations,
      // A schema without fields would allow everything, arrays too.
      inputSchema: options.input === undefined || Object.keys(options.input).length === 0
        ? { type: "object", properties: {} }
        : Schema.toJsonSchemaDocument(input).schema
    }, serve)
  })

const failed = (text: string): ToolResult => ({ isError: true, content: [{ type: "text", text }] })

const interrupted = (cause: Cause.Cause<never>): ToolResult =>
  failed(Cause.hasInterrupts(cause) ? "the call was interrupted" : "the tool has failed; see the server's log")

const resultOf = (value: unknown): ToolResult => {
  if (typeof value === "string") return { content: [{ type: "text", text: value }] }
  if (value === undefined || value === null) return { content: [] }
  if (typeof value === "object" && "content" in value && Array.isArray(value.content)) {
    // An answer in the form of the protocol, which the SDK checks before it sends it.
    return value as unknown as ToolResult
  }
  const text = JSON.stringify(value)
  return typeof value === "object" && !Array.isArray(value)
    // Whatever its type, it is an object with named members.
    ? { content: [{ type: "text", text }], structuredContent: value as Readonly<Record<string, unknown>> }
    : { content: [{ type: "text", text }] }
}
