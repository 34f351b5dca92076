/** Resources and templates of them on an SDK server (version 1) that are served by Effects. */
import * as Effect from "effect/Effect"
import type { z } from "zod"
import type { ResourceTemplate, SdkListResult, Templates } from "./ResourceTemplates.ts"
import { type Extra, type SdkRequest, sdkRequest } from "./sdkRequest.ts"
import type { Told } from "./told.ts"

/** What of the SDK's `McpServer` is needed, in words of our own: version 1 has it. */
export interface ResourceRegistry {
  /** Adds a resource. */
  registerResource(
    name: string,
    uri: string,
    config: Record<string, unknown>,
    read: (uri: URL, extra: Extra) => Promise<SdkReadResult>
  ): unknown
  /** Adds resources by a template of their addresses. */
  registerResource(
    name: string,
    template: ResourceTemplate,
    config: Record<string, unknown>,
    read: (uri: URL, variables: Record<string, string | Array<string>>, extra: Extra) => Promise<SdkReadResult>
  ): unknown
  /** The `Server` of which it is made. */
  readonly server: {
    /** Says what the server can do. */
    registerCapabilities(capabilities: { resources: { subscribe: boolean } }): void
    /** Answers a kind of request. */
    setRequestHandler(schema: SubscriptionSchema, handler: (request: { params: { uri: string } }) => object): void
    /** Tells subscribers of a change. */
    sendResourceUpdated(params: { uri: string }): Promise<void>
  }
}

/** By which the SDK knows a request. */
export type SubscriptionSchema = z.ZodObject<{
  method: z.ZodLiteral<string>
  params: z.ZodObject<{ uri: z.ZodString }>
}>

/** In the form of the protocol, which the SDK checks. */
interface SdkReadResult {
  [member: string]: unknown
  contents: Array<never>
}

/** Contents of a resource, as `text` or, base64, as `blob`. */
export interface Contents {
  readonly uri: string
  readonly mimeType?: string | undefined
  readonly text?: string | undefined
  readonly blob?: string | undefined
}

/** A resource in a list. `size` is in bytes. */
export interface ListedResource {
  readonly uri: string
  readonly name: string
  readonly title?: string | undefined
  readonly description?: string | undefined
  readonly mimeType?: string | undefined
  readonly size?: number | undefined
}

export interface ResourceConfig {
  readonly title?: string | undefined
  readonly description?: string | undefined
  readonly mimeType?: string | undefined
  readonly size?: number | undefined
}

export type Read = (uri: string, request: SdkRequest) => Effect.Effect<ReadonlyArray<Contents>, Told>

export const addResource = (
  server: ResourceRegistry,
  name: string,
  uri: string,
  config: ResourceConfig,
  read: Read
): void =>
  void server.registerResource(name, uri, stated(config), (asked, extra) =>
    Effect.runPromise(
      Effect.map(read(asked.href, sdkRequest(`the resource ${name}`, extra)), toResult),
      { signal: extra.signal }
    ))

export interface TemplateConfig extends ResourceConfig {
  readonly list: ((request: SdkRequest) => Effect.Effect<ReadonlyArray<ListedResource>, Told>) | undefined
  readonly complete: Readonly<Record<string, Complete>>
}

/** Values for a variable or an argument, given what has been filled in already. */
export type Complete = (
  value: string,
  filledIn: Readonly<Record<string, string>>
) => Effect.Effect<ReadonlyArray<string>, Told>

export const addTemplate = (
  { make }: Templates,
  server: ResourceRegistry,
  name: string,
  uriTemplate: string,
  { complete, list, ...config }: TemplateConfig,
  read: Read
): void => {
  const template = make(uriTemplate, {
    list: list && ((extra) =>
      Effect.runPromise(
        Effect.map(list(sdkRequest(`the list of ${name}`, extra)), toList),
        { signal: extra.signal }
      )),
    complete: Object.fromEntries(
      Object.entries(complete).map(([variable, values]) => [
        variable,
        (value: string, context?: { readonly arguments?: Readonly<Record<string, string>> }) =>
          Effect.runPromise(Effect.map(values(value, context?.arguments ?? {}), (found) => [...found]))
      ])
    )
  })
  server.registerResource(name, template, stated(config), (asked, _, extra) =>
    Effect.runPromise(
      Effect.map(read(asked.href, sdkRequest(`the resource ${name}`, extra)), toResult),
      { signal: extra.signal }
    ))
}

/** Reads the variables of a template out of uris: as they stand there, escapes and all. Undefined for a uri of another form. */
export const variablesOf = (
  { make }: Templates,
  uriTemplate: string
): (uri: string) => Readonly<Record<string, unknown>> | undefined => {
  const template = make(uriTemplate, { list: undefined }).uriTemplate
  return (uri) => template.match(uri) ?? undefined
}

const stated = (config: ResourceConfig) =>
  Object.fromEntries(Object.entries(config).filter(([, value]) => value !== undefined))

// What is listed has the protocol's form.
const toList = (resources: ReadonlyArray<ListedResource>) => ({ resources: [...resources] }) as SdkListResult

// The contents have the protocol's form.
const toResult = (contents: ReadonlyArray<Contents>) => ({ contents: [...contents] }) as SdkReadResult
