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
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as OwnedCalls from "./internal/ownedCalls.ts"
import * as SdkTool from "./SdkTool.ts"
import { failed, type ToolCall, type ToolRegistry, type ToolResult } from "./SdkTool.ts"
import type { Session } from "./Session.ts"

/** Types of `SdkTool`, which handlers of these tools use as well. */
export type { LogLevel, Progress, ToolCall, ToolRegistry, ToolResult } from "./SdkTool.ts"

/** A tool and its handler. */
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
    const input = Schema.Struct(options.input ?? ({} as Fields))
    const output = options.output === undefined ? undefined : Schema.Struct<Schema.Struct.Fields>(options.output)
    const encode = output === undefined ? undefined : Schema.encodeUnknownEffect(Schema.toCodecJson(output))
    const { run, session } = yield* OwnedCalls.make<R | SchemaServices<Fields, Output>>(options.owner)

    SdkTool.register(server, {
      name,
      title: options.title,
      description: options.description,
      annotations: options.annotations,
      input,
      output,
      session: session.number,
      handler: (args, call) =>
        Effect.flatMap(Effect.scoped(handler(args, call)), (answer) =>
          encode === undefined
            ? Effect.sync(() => resultOf(answer))
            : Effect.map(Effect.orDie(encode(answer)), structured))
    }, (call) => Effect.map(run(call), (exit) => Exit.isSuccess(exit) ? exit.value : interrupted(exit.cause)))
  })

const structured = (value: unknown): ToolResult => ({
  content: [{ type: "text", text: JSON.stringify(value) }],
  // What a struct is encoded as.
  structuredContent: value as Readonly<Record<string, unknown>>
})

const interrupted = (cause: Cause.Cause<never>): ToolResult =>
  failed(Cause.hasInterrupts(cause) ? "the call was interrupted" : "the tool has failed; see the server's log")

const resultOf = (value: unknown): ToolResult => {
  if (typeof value === "string") return { content: [{ type: "text", text: value }] }
  if (value === undefined || value === null) return { content: [] }
  if (typeof value === "object" && "content" in value && Array.isArray(value.content)) {
    // An answer in the form of the protocol, which the SDK checks before it sends it. What cannot be looked at shows itself here.
    return { ...value, content: value.content.map((block: object) => ({ ...block })) } as unknown as ToolResult
  }
  // Of some values there is no JSON, whatever the types say.
  const text: string | undefined = JSON.stringify(value)
  if (text === undefined) throw new TypeError(`the handler's answer is a ${typeof value}, which JSON does not keep`)
  return typeof value === "object" && !Array.isArray(value)
    // Whatever its type, it is an object with named members.
    ? { content: [{ type: "text", text }], structuredContent: value as Readonly<Record<string, unknown>> }
    : { content: [{ type: "text", text }] }
}
