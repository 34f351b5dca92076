/**
 * Prompts of an SDK server whose messages are Effects: with the services around them, and a life of their own.
 *
 * Promises
 * - A handler runs in a fiber of its session (or of another Scope it is given): a client that disconnects does not stop it, a
 *   cancellation and the end of the session do.
 * - Arguments are what their schemas say before the handler sees them, made of the texts that the protocol has. Clients are shown their names,
 *   what they are for (`description` of the schema) and which of them may be left out.
 * - Completers propose values for arguments, optional ones included.
 * - What a handler fails with is the client's error, with its message. What it dies of is logged, and the client is told no more than that it
 *   failed.
 * - Every request is a span, `prompts/get <name>`, in the trace the client says.
 *
 * @example
 * ```ts
 * import * as EffectPrompt from "@holdfast/server/EffectPrompt"
 * import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js"
 * import * as Effect from "effect/Effect"
 * import * as Schema from "effect/Schema"
 *
 * const languages = ["English", "French", "German"]
 *
 * export const server = Effect.gen(function*() {
 *   const mcp = new McpServer({ name: "translator", version: "1.0.0" })
 *   yield* EffectPrompt.register(mcp, "translate", {
 *     description: "Asks for a translation",
 *     input: {
 *       text: Schema.String.annotate({ description: "What is translated" }),
 *       language: Schema.optionalKey(Schema.String)
 *     },
 *     complete: {
 *       language: (begun) => Effect.succeed(languages.filter((language) => language.startsWith(begun)))
 *     }
 *   }, ({ language = "English", text }) => Effect.succeed(`Translate into ${language}: ${text}`))
 *   return mcp
 * })
 * ```
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/server/prompts
 */
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type { Completer, Completers } from "./EffectResource.ts"
import { callOf, spanOf } from "./internal/handlerCall.ts"
import * as OwnedCalls from "./internal/ownedCalls.ts"
import { addPrompt, type PromptRegistry, type PromptResult } from "./internal/sdk/addPrompt.ts"
import { invalid, mustName, settled, told } from "./internal/toldFailures.ts"
import type { ToolCall } from "./SdkTool.ts"
import type { Session } from "./Session.ts"

export type { PromptRegistry, PromptResult }

/** What a handler may answer with: the text of one message of the user's, messages, or the whole result. */
export type Answer = string | PromptResult["messages"] | PromptResult

/** A prompt and its arguments. */
export interface PromptOptions<Fields extends Schema.Struct.Fields, RP = never> {
  readonly title?: string | undefined
  /** For the user that chooses it. */
  readonly description?: string | undefined
  /** The arguments, which are texts on the wire: a `Schema.Int` is read from one. Default: none. */
  readonly input?: Fields | undefined
  /** Values for arguments, by their names. Default: none. */
  readonly complete?: Completers<RP> | undefined
  /** Where the handlers live. Default: with the session. */
  readonly owner?: Scope.Scope | undefined
}

/** Adds a prompt. What the handler and the completers need is taken from here, but for their `Session`, which is the request's. */
export const register = <
  E extends { readonly message: string },
  R,
  const Fields extends Schema.Struct.Fields = {},
  RP = never
>(
  server: PromptRegistry,
  name: string,
  options: PromptOptions<Fields, RP>,
  handler: (args: Schema.Struct.Type<Fields>, call: ToolCall) => Effect.Effect<Answer, E, R>
): Effect.Effect<
  void,
  never,
  Session | Exclude<R | RP, Session | Scope.Scope> | Schema.Struct.DecodingServices<Fields>
> =>
  Effect.map(
    OwnedCalls.make<R | RP | Schema.Struct.DecodingServices<Fields>>(options.owner),
    ({ run, session }) => {
      // The default of `Fields` is what stands for no arguments.
      const input = Schema.Struct(options.input ?? ({} as Fields))
      const decode = Schema.decodeUnknownEffect(Schema.toCodecStringTree(input), { errors: "all" })
      const own = <A>(what: string, effect: Effect.Effect<A, { readonly message: string }, unknown>) =>
        Effect.flatMap(run(told(what, effect)), (exit) => settled(what, exit))
      const completers: Readonly<Record<string, Completer<RP> | undefined>> = options.complete ?? {}
      mustName(`the prompt ${name}`, completers, Object.keys(input.fields))
      addPrompt(
        server,
        name,
        {
          title: options.title,
          description: options.description,
          arguments: argumentsOf(input).map((argument) => {
            const complete = completers[argument.name]
            if (complete === undefined) return argument
            const what = `the completion of ${argument.name} of ${name}`
            return { ...argument, complete: (begun, filledIn) => own(what, Effect.scoped(complete(begun, filledIn))) }
          })
        },
        (args, request) => {
          const spanned = spanOf(
            `prompts/get ${name}`,
            { "mcp.method.name": "prompts/get", "mcp.prompt.name": name },
            { session: session.number, request }
          )
          const messages = decode(args ?? {}).pipe(
            Effect.mapError(({ message }) =>
              invalid(`the arguments of ${name} do not fit: ${message.replaceAll(/\s*\n\s*/g, "; ")}`)
            ),
            Effect.flatMap((input) => Effect.scoped(handler(input, callOf(request)))),
            Effect.map(resultOf)
          )
          return own(`the prompt ${name}`, spanned(messages))
        }
      )
    }
  )

const resultOf = (answer: Answer): PromptResult => {
  if (typeof answer === "string") return { messages: [{ role: "user", content: { type: "text", text: answer } }] }
  return "messages" in answer ? answer : { messages: answer }
}

/** What clients are shown of them. */
const argumentsOf = (input: Schema.Constraint) => {
  const { properties, required } = Schema.toJsonSchemaDocument(Schema.toCodecStringTree(input)).schema
  return Object.entries(Predicate.isObject(properties) ? properties : {}).map(([name, member]) => ({
    name,
    description: descriptionIn(member),
    required: Array.isArray(required) && required.includes(name)
  }))
}

const descriptionIn = (member: unknown): string | undefined =>
  Predicate.isObject(member) && typeof member["description"] === "string" ? member["description"] : undefined
