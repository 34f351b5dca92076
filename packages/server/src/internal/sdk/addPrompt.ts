/** A prompt on an SDK server (version 1) that is served by an Effect. */
import { completable } from "@modelcontextprotocol/sdk/server/completable.js"
import type { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js"
import type { GetPromptResult } from "@modelcontextprotocol/sdk/types.js"
import * as Effect from "effect/Effect"
import { z } from "zod"
import type { Complete } from "./addResource.ts"
import { type SdkRequest, sdkRequest } from "./sdkRequest.ts"
import type { Told } from "./told.ts"

/** What of the SDK's `McpServer` is needed. */
export type PromptRegistry = Pick<McpServer, "registerPrompt">

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
        serve(args, sdkRequest(`the prompt ${name}`, extra)) as Effect.Effect<GetPromptResult, Told>,
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

interface Context {
  readonly arguments?: Readonly<Record<string, string>>
}

const described = <S extends z.ZodType>(schema: S, description: string | undefined): S =>
  description === undefined ? schema : schema.describe(description)
