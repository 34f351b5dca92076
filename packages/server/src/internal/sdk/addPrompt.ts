/** A prompt on an SDK server (version 1) that is served by an Effect. */
import * as Effect from "effect/Effect"
import { z } from "zod"
import type { Complete } from "./addResource.ts"
import { type Extra, type SdkRequest, sdkRequest } from "./sdkRequest.ts"
import type { Told } from "./told.ts"

/** What of the SDK's `McpServer` is needed, in words of our own: version 1 has it. */
export interface PromptRegistry {
  /** Adds a prompt. */
  registerPrompt(
    name: string,
    config: {
      argsSchema: Record<string, z.ZodOptional<z.ZodString> | z.ZodString>
      title?: string
      description?: string
    },
    serve: (args: Record<string, string | undefined>, extra: Extra) => Promise<SdkPromptResult>
  ): unknown
}

/** In the form of the protocol, which the SDK checks. */
interface SdkPromptResult {
  [member: string]: unknown
  messages: Array<never>
}

/** A prompt, filled in: its messages, in the form of the protocol. */
export interface PromptResult {
  readonly description?: string | undefined
  readonly messages: ReadonlyArray<{
    readonly role: "user" | "assistant"
    readonly content: { readonly type: string; readonly [name: string]: unknown }
  }>
}

export interface PromptArgument {
  readonly name: string
  readonly description?: string | undefined
  readonly required: boolean
  readonly complete?: Complete | undefined
}

export interface PromptConfig {
  readonly title?: string | undefined
  readonly description?: string | undefined
  readonly arguments: ReadonlyArray<PromptArgument>
}

export const addPrompt = (
  server: PromptRegistry,
  name: string,
  { arguments: args, description, title }: PromptConfig,
  serve: (args: unknown, request: SdkRequest) => Effect.Effect<PromptResult, Told>
): void =>
  void server.registerPrompt(
    name,
    {
      argsSchema: Object.fromEntries(args.map((argument) => [argument.name, fieldOf(argument)])),
      ...(title !== undefined && { title }),
      ...(description !== undefined && { description })
    },
    (args, extra) =>
      Effect.runPromise(
        // The messages have the protocol's form.
        serve(args, sdkRequest(`the prompt ${name}`, extra)) as Effect.Effect<SdkPromptResult, Told>,
        { signal: extra.signal }
      )
  )

/**
 * What the SDK shows of an argument. It looks for a completer in two places: at what an optional argument wraps for what it offers, and at the
 * argument itself for the values.
 */
const fieldOf = ({ complete, description, required }: PromptArgument): z.ZodOptional<z.ZodString> | z.ZodString => {
  const text = described(z.string(), description)
  const values = complete && ((begun: string | undefined, context?: Context) =>
    Effect.runPromise(
      Effect.map(complete(begun ?? "", context?.arguments ?? {}), (found) => [...found])
    ))
  if (values !== undefined) completable(text, values)
  if (required) return text
  const optional = described(text.optional(), description)
  if (values !== undefined) completable(optional, values)
  return optional
}

/** Where the SDK, in both versions, looks for the completer of an argument. */
const completer = Symbol.for("mcp.completable")

const completable = (schema: z.ZodType, complete: object): void =>
  void Object.defineProperty(schema, completer, { value: { complete } })

interface Context {
  readonly arguments?: Readonly<Record<string, string>>
}

const described = <S extends z.ZodType>(schema: S, description: string | undefined): S =>
  description === undefined ? schema : schema.describe(description)
