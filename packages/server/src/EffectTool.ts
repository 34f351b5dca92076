/**
 * Tools of an SDK server whose handlers are Effects: with the services around them, and a life of their own.
 *
 * Promises
 * - A handler runs in a fiber of its session (or of another Scope it is given): a client that disconnects does not stop it, a
 *   cancellation and the end of the session do.
 * - Arguments are what the schema says before the handler sees them; clients are shown the same schema, and that of the answer if there is
 *   one.
 * - What a handler fails with is the tool's answer (`isError`, with the error's message). What it dies of is logged, and the client is
 *   told no more than that it failed.
 * - Progress and log messages to a client that has gone, or never asked, are no-ops.
 * - Every call is a span, `tools/call <name>`, in the trace the client says (`traceparent` in `_meta`, or the header), and what is logged
 *   in it names the session and the tool. Whatever the handler asks of others over Effect's `HttpClient` goes on in that trace.
 * - Every call is counted and timed by tool and outcome: `holdfast.tool.duration`.
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
import * as Headers from "effect/http/Headers"
import * as HttpTraceContext from "effect/http/HttpTraceContext"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import type * as Tracer from "effect/Tracer"
import { addTool, type ToolRegistry, type ToolRequest, type ToolResult } from "./internal/sdk/addTool.ts"
import { measured } from "./internal/toolDuration.ts"
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

export interface ToolOptions<
  Fields extends Schema.Struct.Fields,
  Output extends Schema.Struct.Fields | undefined = undefined
> {
  readonly title?: string | undefined
  /** For the model that decides whether to call it. */
  readonly description?: string | undefined
  /** The arguments. Default: none. */
  readonly input?: Fields | undefined
  /** What the handler answers with, encoded as structured content. Default: see `register`. */
  readonly output?: Output | undefined
  readonly annotations?: ToolAnnotations | undefined
  /** Where the handlers live. Default: with the session of the call. */
  readonly owner?: Scope.Scope | undefined
}

/** What a handler may answer with: whatever it likes, unless the tool says what. */
export type Answer<Output extends Schema.Struct.Fields | undefined> = [Output] extends [Schema.Struct.Fields]
  ? Schema.Struct.Type<Output>
  : unknown

/** What the schemas of a tool need. */
export type SchemaServices<
  Fields extends Schema.Struct.Fields,
  Output extends Schema.Struct.Fields | undefined
> =
  | Schema.Struct.DecodingServices<Fields>
  | ([Output] extends [Schema.Struct.Fields] ? Schema.Struct.EncodingServices<Output> : never)

/**
 * Adds a tool. Without `output` a handler's text is the answer's text; an object with `content` is the answer itself; anything else is
 * structured content, and its JSON the text. With `output` its answer is encoded as that, and its JSON is the text; an answer that does not
 * fit is a defect. What the handler needs is taken from here, but for its `Session`, which is the call's.
 */
export const register = <
  E extends { readonly message: string },
  R,
  const Fields extends Schema.Struct.Fields = {},
  const Output extends Schema.Struct.Fields | undefined = undefined
>(
  server: ToolRegistry,
  name: string,
  options: ToolOptions<Fields, Output>,
  handler: (args: Schema.Struct.Type<Fields>, call: ToolCall) => Effect.Effect<Answer<Output>, E, R>
): Effect.Effect<void, never, Session | Exclude<R, Session | Scope.Scope> | SchemaServices<Fields, Output>> =>
  Effect.gen(function*() {
    // The default of `Fields` is what stands for no arguments.
    const input = Schema.toCodecJson(Schema.Struct(options.input ?? ({} as Fields)))
    const decode = Schema.decodeUnknownEffect(input, { errors: "all" })
    const output = options.output === undefined
      ? undefined
      : Schema.toCodecJson(Schema.Struct<Schema.Struct.Fields>(options.output))
    const session = yield* Session
    const around = yield* Effect.context<Exclude<R, Session | Scope.Scope> | SchemaServices<Fields, Output>>()
    // A Scope that happens to be around here is none for what a handler acquires.
    const context = Context.add(Context.omit(Scope.Scope)(around), Session, session)
    const owner = options.owner ?? session.scope
    // The SDK aborts what runs when it is closed, too: that is no word of the client's.
    const isOrphan = (): boolean =>
      owner !== session.scope && (session.state() === "closing" || session.state() === "closed")

    const serve = (request: ToolRequest): Effect.Effect<ToolResult> => {
      const call: ToolCall = {
        requestId: request.id,
        progress: (progress) => request.progress === undefined ? Effect.void : request.progress(progress),
        log: (level, data) => request.log(level, data)
      }
      let isDefect = false
      const handled = decode(request.args).pipe(
        Effect.matchEffect({
          onFailure: (error) => Effect.succeed(failed(`the arguments are wrong: ${error.message}`)),
          onSuccess: (args) =>
            Effect.matchEffect(Effect.scoped(handler(args, call)), {
              onFailure: ({ message }) => Effect.succeed(failed(message)),
              onSuccess: (answer) =>
                output === undefined
                  ? Effect.succeed(resultOf(answer))
                  : Effect.map(Effect.orDie(Schema.encodeUnknownEffect(output)(answer)), structured)
            })
        }),
        Effect.catchDefect((defect) => {
          isDefect = true
          return Effect.as(
            Effect.logError(`the tool ${name} has failed`, defect),
            failed("the tool has failed; see the server's log")
          )
        })
      )
      const outcomeOf = ({ isError }: ToolResult) => isDefect ? "defect" : isError === true ? "error" : "ok"
      const observed = measured(name, handled, outcomeOf).pipe(
        Effect.tap(({ isError }) =>
          isError === true ? Effect.annotateCurrentSpan("error.type", "tool_error") : Effect.void
        ),
        Effect.annotateLogs({ session: session.number, tool: name }),
        Effect.withSpan(`tools/call ${name}`, {
          kind: "server",
          attributes: { "mcp.method.name": "tools/call", "gen_ai.tool.name": name, "holdfast.session": session.number },
          ...parentOf(request.traceparent)
        })
      )
      // The rest of the context is the handler's own: it was taken from around its registration.
      const provided = Effect.provideContext(observed, context) as Effect.Effect<ToolResult>
      return Effect.flatMap(Effect.forkIn(provided, owner, { startImmediately: true }), (fiber) =>
        Effect.flatMap(
          Effect.onInterrupt(Fiber.await(fiber), () => isOrphan() ? Effect.void : Fiber.interrupt(fiber)),
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
        : shown(input),
      outputSchema: output === undefined ? undefined : shown(output)
    }, serve)
  })

/** Not the span in which the tool was registered: that of an earlier request, if of any. */
const parentOf = (traceparent: string | undefined): Pick<Tracer.SpanOptions, "parent" | "root"> => {
  const parent = HttpTraceContext.w3c(Headers.fromInput({ traceparent }))
  return Option.isSome(parent) ? { parent: parent.value } : { root: true }
}

const shown = (schema: Schema.Constraint): object => {
  const { definitions, schema: json } = Schema.toJsonSchemaDocument(schema)
  return Object.keys(definitions).length === 0 ? json : { ...json, $defs: definitions }
}

const structured = (value: unknown): ToolResult => ({
  content: [{ type: "text", text: JSON.stringify(value) }],
  // What a struct is encoded as.
  structuredContent: value as Readonly<Record<string, unknown>>
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
