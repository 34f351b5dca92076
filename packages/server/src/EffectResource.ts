/**
 * Resources of an SDK server whose contents are Effects: with the services around them, and a life of their own.
 *
 * Promises
 * - A handler runs in a fiber of its session (or of another Scope it is given): a client that disconnects does not stop it, a
 *   cancellation and the end of the session do.
 * - The variables of a template are decoded once, escapes and all, and are what their schemas say before the handler sees them.
 * - A client that subscribes is told whenever `changes` has a value, until it unsubscribes or its session ends. `changes` runs only
 *   meanwhile. A client that subscribes to what tells no changes is refused, and so is its
 *   thousand and first subscription at once.
 * - What a handler fails with is the client's error, with its message; `undefined` says that there is no such resource. What it dies of is
 *   logged, and the client is told no more than that it failed.
 * - Every read is a span, `resources/read <name>`, in the trace the client says.
 *
 * **Gotchas**: the SDK takes capabilities before it is connected only: register before the server is given to its host.
 *
 * @example
 * ```ts
 * import * as EffectResource from "@holdfast/server/EffectResource"
 * import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js"
 * import * as Effect from "effect/Effect"
 * import * as Schema from "effect/Schema"
 * import * as Stream from "effect/Stream"
 *
 * const notes = new Map([["today", "# Today"]])
 *
 * export const server = Effect.gen(function*() {
 *   const mcp = new McpServer({ name: "notes", version: "1.0.0" })
 *   yield* EffectResource.register(mcp, "clock", {
 *     uri: "clock://now",
 *     mimeType: "text/plain",
 *     changes: Stream.tick("1 minute")
 *   }, () => Effect.clockWith((clock) => Effect.map(clock.currentTimeMillis, String)))
 *   yield* EffectResource.registerTemplate(mcp, "note", {
 *     uriTemplate: "note://{day}",
 *     variables: { day: Schema.String },
 *     list: Effect.succeed([...notes.keys()].map((day) => ({ uri: `note://${day}`, name: day }))),
 *     complete: { day: (begun) => Effect.succeed([...notes.keys()].filter((day) => day.startsWith(begun))) }
 *   }, ({ day }) => Effect.succeed(notes.get(day)))
 *   return mcp
 * })
 * ```
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/server/resources
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Base64 from "effect/encoding/Base64"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { complain } from "./internal/complain.ts"
import { callOf, spanOf } from "./internal/handlerCall.ts"
import * as OwnedCalls from "./internal/ownedCalls.ts"
import {
  addResource,
  addTemplate,
  type Contents,
  type ListedResource,
  type ResourceConfig,
  type ResourceRegistry,
  variablesOf
} from "./internal/sdk/addResource.ts"
import * as ResourceTemplates from "./internal/sdk/ResourceTemplates.ts"
import type { SdkRequest } from "./internal/sdk/sdkRequest.ts"
import type { Told } from "./internal/sdk/told.ts"
import { watchResources } from "./internal/sdk/watchResources.ts"
import { invalid, mustName, settled, told } from "./internal/toldFailures.ts"
import type { ToolCall } from "./SdkTool.ts"
import type { Session } from "./Session.ts"

export type { Contents, ListedResource, ResourceRegistry }

/** The request that a handler serves. */
export interface ResourceCall extends ToolCall {
  /** As the client says it, in the form that `URL` gives it. */
  readonly uri: string
}

/**
 * What a handler may answer with: a text; bytes; an object with `contents` in the form of the protocol; anything else as its JSON. `undefined`: there
 * is no such resource.
 */
export type Answer = string | Uint8Array | { readonly contents: ReadonlyArray<Contents> } | object | undefined

interface Stated<RC> extends ResourceConfig {
  /** Where the handlers live. Default: with the session. */
  readonly owner?: Scope.Scope | undefined
  /** Has a value whenever the resource has changed. Default: clients cannot subscribe to it. */
  readonly changes?: RC | undefined
}

/** A resource with a uri of its own. `mimeType`: default, `text/plain`, `application/octet-stream` or `application/json`, by the answer. */
export interface ResourceOptions<R = never> extends Stated<Stream.Stream<unknown, never, R>> {
  /** Absolute. */
  readonly uri: string
}

/** Values for a variable, given what has been typed of it and what the other variables are. The client is told 100 of them at most. */
export type Completer<R = never> = (
  begun: string,
  filledIn: Readonly<Record<string, string>>
) => Effect.Effect<ReadonlyArray<string>, { readonly message: string }, R>

/**
 * Completers, by the names of what they complete: a name that is none is a `TypeError`, a defect. `R`: what they need; say it where they need
 * different things.
 */
export type Completers<R = never> = Readonly<Record<string, Completer<R>>>

/** Resources whose uris follow a template (RFC 6570). `mimeType`: as for a resource. */
export interface TemplateOptions<
  Fields extends Schema.Struct.Fields,
  RL = never,
  RC = never,
  RP = never
> extends Stated<(variables: Schema.Struct.Type<Fields>, uri: string) => Stream.Stream<unknown, never, RC>> {
  /** For example `note://{day}`. */
  readonly uriTemplate: string
  /** The variables of the template. */
  readonly variables: Fields
  /** The resources that there are. Default: they are not listed. */
  readonly list?: Effect.Effect<ReadonlyArray<ListedResource>, { readonly message: string }, RL> | undefined
  /** Values for variables, by their names. Default: none. */
  readonly complete?: Completers<RP> | undefined
}

/** Adds a resource. A uri that is none is a `TypeError`, a defect. */
export const register = <E extends { readonly message: string }, R, RC = never>(
  server: ResourceRegistry,
  name: string,
  { changes, owner, uri, ...config }: ResourceOptions<RC>,
  read: (call: ResourceCall) => Effect.Effect<Answer, E, R>
): Effect.Effect<void, never, Session | Exclude<R | RC, Session | Scope.Scope>> =>
  Effect.map(OwnedCalls.make<R | RC>(owner), (owned) => {
    if (!URL.canParse(uri)) throw new TypeError(`the resource ${name}: ${JSON.stringify(uri)} is no absolute uri`)
    // The SDK looks for it in this form.
    const { href } = new URL(uri)
    addResource(server, name, href, config, (uri, request) => readBy(owned, name, config, uri, request, read))
    if (changes === undefined) return
    watchResources(server, (uri, tell) => uri === href ? watch(owned, name, changes, tell) : undefined)
  })

/** Adds a template of resources. */
export const registerTemplate = <
  E extends { readonly message: string },
  R,
  const Fields extends Schema.Struct.Fields,
  RL = never,
  RC = never,
  RP = never
>(
  server: ResourceRegistry,
  name: string,
  { changes, complete, list, owner, uriTemplate, variables, ...config }: TemplateOptions<Fields, RL, RC, RP>,
  read: (variables: Schema.Struct.Type<Fields>, call: ResourceCall) => Effect.Effect<Answer, E, R>
): Effect.Effect<
  void,
  never,
  | Session
  | Exclude<R | RL | RC | RP, Session | Scope.Scope>
  | Schema.Struct.DecodingServices<Fields>
> =>
  Effect.zipWith(
    OwnedCalls.make<R | RL | RC | RP | Schema.Struct.DecodingServices<Fields>>(owner),
    ResourceTemplates.load,
    (owned, templates) => {
      const what = `the resource ${name}`
      mustName(what, complete, Object.keys(variables))
      const find = variablesOf(templates, uriTemplate)
      const decode = Schema.decodeUnknownEffect(Schema.toCodecStringTree(Schema.Struct(variables)), { errors: "all" })
      const decoded = (uri: string) =>
        Effect.mapError(
          Effect.flatMap(unescaped(find(uri) ?? {}), decode),
          ({ message }) =>
            invalid(`the variables of ${uri} do not fit: ${message.replaceAll(/\s*\n\s*/g, "; ")}`, { uri })
        )
      const own = <A>(what: string, effect: Effect.Effect<A, { readonly message: string }, unknown>) =>
        Effect.flatMap(owned.run(told(what, Effect.scoped(effect))), (exit) => settled(what, exit))
      addTemplate(
        templates,
        server,
        name,
        uriTemplate,
        {
          ...config,
          list: list && (() => own(`the list of ${name}`, list)),
          complete: Object.fromEntries(
            Object.entries<Completer<RP>>(complete ?? {}).map(([variable, values]) => [
              variable,
              (begun, filledIn) => own(`the completion of ${variable} of ${name}`, values(begun, filledIn))
            ])
          )
        },
        (uri, request) =>
          readBy(owned, name, config, uri, request, (call) =>
            Effect.flatMap(decoded(uri), (variables) =>
              read(variables, call)))
      )
      if (changes === undefined) {
        return
      }
      watchResources(server, (uri, tell) => {
        if (find(uri) === undefined) {
          return undefined
        }
        const stream = Stream.unwrap(Effect.map(decoded(uri), (variables) =>
          changes(variables, uri)))
        // A uri that does not fit is not told of: it cannot be read, either.
        return watch(
          owned,
          name,
          Stream.catch(stream, () =>
            Stream.empty),
          tell
        )
      })
    }
  )

const readBy = <E extends { readonly message: string }, R>(
  { run, session }: OwnedCalls.Owned,
  name: string,
  { mimeType }: ResourceConfig,
  uri: string,
  request: SdkRequest,
  read: (call: ResourceCall) => Effect.Effect<Answer, E | Told, R>
): Effect.Effect<ReadonlyArray<Contents>, Told> => {
  const what = `the resource ${name}`
  const contents = Effect.flatMap(
    Effect.scoped(Effect.suspend(() => read({ ...callOf(request), uri }))),
    (answer) =>
      answer === undefined
        ? Effect.fail(invalid(`there is no resource ${uri}`, { uri }))
        : Effect.sync(() => contentsOf(uri, mimeType, answer))
  )
  const spanned = spanOf(`resources/read ${name}`, { "mcp.method.name": "resources/read", "mcp.resource.uri": uri }, {
    session: session.number,
    request
  })
  return Effect.flatMap(run(spanned(told(what, contents))), (exit) => settled(what, exit))
}

const contentsOf = (uri: string, mimeType: string | undefined, answer: Answer): ReadonlyArray<Contents> => {
  if (typeof answer === "string") return [{ uri, mimeType: mimeType ?? "text/plain", text: answer }]
  if (answer instanceof Uint8Array) {
    return [{ uri, mimeType: mimeType ?? "application/octet-stream", blob: Base64.encode(answer) }]
  }
  // The SDK checks what is in the form of the protocol before it is sent.
  if (answer !== undefined && "contents" in answer && Array.isArray(answer.contents)) return answer.contents
  return [{ uri, mimeType: mimeType ?? "application/json", text: JSON.stringify(answer) }]
}

/** In the session, for as long as the client is subscribed. */
const watch = <R>(
  owned: OwnedCalls.Owned,
  name: string,
  changes: Stream.Stream<unknown, never, R>,
  tell: Effect.Effect<void>
): () => void =>
  owned.watch(Effect.catchCause(
    Stream.runForEach(changes, () => tell),
    (cause) =>
      Cause.hasInterruptsOnly(cause)
        ? Effect.void
        : complain(`the changes of the resource ${name} cannot be told any more`, cause)
  ))

/** As they are after one decoding: a literal `%25` stays what it stands for. */
const unescaped = (
  variables: Readonly<Record<string, unknown>>
): Effect.Effect<Readonly<Record<string, unknown>>, { readonly message: string }> =>
  Effect.fromResult(Result.try({
    try: () =>
      Object.fromEntries(
        Object.entries(variables).map(([name, value]) => [name, Array.isArray(value) ? value.map(plain) : plain(value)])
      ),
    catch: () => ({ message: "an escape in it is none" })
  }))

const plain = (value: unknown): string => decodeURIComponent(String(value))
