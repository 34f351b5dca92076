/**
 * What is different from revision 2026-07-28 on: no handshake and no session. Every request says what it needs to be understood.
 *
 * @example
 * ```ts
 * import * as ModernEra from "@holdfast/protocol/ModernEra"
 * import * as Result from "effect/Result"
 *
 * // The revisions of a server, by its answer to `server/discover`.
 * export const revisionsOf = (answer: unknown): ReadonlyArray<string> =>
 *   Result.match(ModernEra.decodeDiscoverResult(answer), {
 *     onFailure: () => [],
 *     onSuccess: ({ supportedVersions }) => supportedVersions
 *   })
 * ```
 *
 * @see https://modelcontextprotocol.io/specification/2026-07-28
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { tolerant } from "./internal/tolerant.ts"
import { Implementation, ServerCapabilities } from "./Messages.ts"
import { metaKey } from "./MetaKey.ts"

export { metaKey }

/**
 * What a task of revision 2025-11-25 asks for, in the `_meta` of its `tasks/get`: the tasks extension tells it as `inputRequests`, and sends the answers by
 * `tasks/update`. Ours, for servers whose tasks ask.
 */
export const taskInputKey = "dev.holdfast/inputRequests"

/** The code of an error whose `data.supported` lists the revisions the server speaks. */
export const unsupportedProtocolVersion = -32022

/** A header does not say what the body says. */
export const headerMismatch = -32020

/** The client would have to be able to do what `data.requiredCapabilities` says. */
export const missingClientCapability = -32021

/** Calls that go on without the caller, as an extension that both sides declare. */
export const tasksExtension = "io.modelcontextprotocol/tasks"

/** The answer to `server/discover`. */
export const DiscoverResult = Schema.Struct({
  supportedVersions: Schema.Array(Schema.String),
  capabilities: ServerCapabilities,
  instructions: Schema.optionalKey(Schema.String),
  _meta: Schema.optionalKey(Schema.Struct({ [metaKey.serverInfo]: Schema.optionalKey(Implementation) }))
})
/** What the schema `DiscoverResult` reads. */
export interface DiscoverResult extends Schema.Schema.Type<typeof DiscoverResult> {}

/** What a `subscriptions/listen` asks to be told about. */
export interface SubscriptionFilter {
  readonly toolsListChanged?: boolean
  readonly promptsListChanged?: boolean
  readonly resourcesListChanged?: boolean
  readonly resourceSubscriptions?: ReadonlyArray<string>
}

/** Which `subscriptions/listen` a notification belongs to: the id of the request. */
export const subscriptionIdIn = (params: unknown): unknown =>
  membersOf(membersOf(params)["_meta"])[metaKey.subscriptionId]

/** The resources that a server will tell of, by its `notifications/subscriptions/acknowledged`. */
export const acknowledgedResources = (params: unknown): ReadonlyArray<string> => {
  const { resourceSubscriptions } = membersOf(membersOf(params)["notifications"])
  return Array.isArray(resourceSubscriptions) ? resourceSubscriptions.filter((uri) => typeof uri === "string") : []
}

const membersOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null ? { ...value } : {}

/** A question to be answered before the call can go on: a method and parameters, as a legacy server would have asked. */
export const InputRequest = Schema.Struct({ method: Schema.String, params: Schema.optionalKey(Schema.Unknown) })

/** A result that is none yet: the same request is to be sent again, with the answers and the state. */
export const InputRequired = Schema.Struct({
  resultType: Schema.Literal("input_required"),
  inputRequests: Schema.optionalKey(Schema.Record(Schema.String, InputRequest)),
  requestState: Schema.optionalKey(Schema.String)
})
/** What the schema `InputRequired` reads. */
export interface InputRequired extends Schema.Schema.Type<typeof InputRequired> {}

/** Reads the answer to `server/discover`. Fails with a sentence that names the member that is wrong. */
export const decodeDiscoverResult = tolerant(DiscoverResult)

const readInputRequired = tolerant(InputRequired)

/**
 * Reads a result whose `resultType` says that input is required. Fails if anything of it cannot be read: a question that is left out
 * would be asked again and again.
 */
export const decodeInputRequired = (result: unknown): Result.Result<InputRequired, string> => {
  let oddity: string | undefined
  const read = readInputRequired(result, (each) => {
    oddity ??= each
  })
  return oddity === undefined ? read : Result.fail(oddity)
}

/** Whether a result asks for input instead of being one. */
export const isInputRequired = (result: unknown): boolean =>
  typeof result === "object" && result !== null && "resultType" in result && result.resultType === "input_required"

/** The revisions named in the data of an `unsupportedProtocolVersion` error. */
export const supportedIn = (data: unknown): ReadonlyArray<string> =>
  typeof data === "object" && data !== null && "supported" in data && Array.isArray(data.supported)
    ? data.supported.filter((revision) => typeof revision === "string")
    : []
