/**
 * A request of revision 2026-07-28, which says all by itself: the client, its capabilities, and, when a server has asked back, the answers.
 *
 * What the headers say, where there are any, must be what the body says, because something in between may have let the request pass by
 * its headers alone.
 *
 * @see https://modelcontextprotocol.io/specification/2026-07-28/basic/transports
 */
import * as JsonRpc from "@holdfast/protocol/JsonRpc"
import * as ModernEra from "@holdfast/protocol/ModernEra"
import * as Revision from "@holdfast/protocol/Revision"
import * as ToolHeaders from "@holdfast/protocol/ToolHeaders"

/** Values by the names of headers, in lower case. */
export type Headers = Readonly<Record<string, string | undefined>>

export type JsonObject = Readonly<Record<string, unknown>>

export interface StatelessRequest {
  readonly id: JsonRpc.RequestId
  readonly method: string
  /** What an older server understands of them. */
  readonly params: JsonObject
  readonly clientInfo: JsonObject
  readonly capabilities: JsonObject
  /** The least level of log messages the client wants. Undefined: none. */
  readonly logLevel: string | undefined
  /** Answers to what the server asked, by its keys. */
  readonly answers: ReadonlyMap<string, JsonObject>
  /** What the server gave to come back with. */
  readonly state: string | undefined
}

/** From what is least important on. */
export const logLevels: ReadonlyArray<unknown> = [
  "debug",
  "info",
  "notice",
  "warning",
  "error",
  "critical",
  "alert",
  "emergency"
]

/** Why a request is not served. */
export interface Refused {
  readonly _tag: "Refused"
  readonly status: number
  readonly error: JsonRpc.ErrorObject
}

export const refused = (status: number, code: number, message: string, data?: unknown): Refused => ({
  _tag: "Refused",
  status,
  error: { code, message, ...(data !== undefined && { data }) }
})

/** `headers`: undefined where there are none. `revisions`: all that are served, told to a client that asks for another. */
export const read = (
  message: JsonRpc.Request,
  headers: Headers | undefined,
  revisions: ReadonlyArray<string>
): StatelessRequest | Refused => {
  const { id, method } = message
  const said = isObject(message.params) ? message.params : {}
  const meta = isObject(said["_meta"]) ? said["_meta"] : {}
  const {
    [ModernEra.metaKey.clientCapabilities]: capabilities,
    [ModernEra.metaKey.clientInfo]: clientInfo,
    [ModernEra.metaKey.logLevel]: logLevel,
    [ModernEra.metaKey.protocolVersion]: revision,
    ...own
  } = meta
  const fault = headers === undefined ? undefined : faultOfHeaders(message, said, revision, headers)
  if (fault !== undefined) return refused(400, ModernEra.headerMismatch, fault)
  if (typeof revision !== "string") return missing(ModernEra.metaKey.protocolVersion)
  if (!Revision.isModern(revision)) {
    const requested = revision.slice(0, 40)
    return refused(
      400,
      ModernEra.unsupportedProtocolVersion,
      `the revision ${JSON.stringify(requested)} is not supported`,
      { supported: revisions, requested }
    )
  }
  if (!isObject(capabilities)) return missing(ModernEra.metaKey.clientCapabilities)
  if (!Object.values(capabilities).every(isObject)) return invalid("every capability of a client is an object")
  if (clientInfo !== undefined && !isImplementation(clientInfo)) return invalid("clientInfo has a name and a version")
  const { _meta: _, inputResponses = {}, requestState, ...params } = said
  const isAnswered = isObject(inputResponses) && Object.values(inputResponses).every(isObject)
  if (!isAnswered) return invalid("inputResponses holds an object for every question")
  if (requestState !== undefined && typeof requestState !== "string") return invalid("requestState is a string")
  if (logLevel !== undefined && !logLevels.includes(logLevel)) return invalid("this is no level of log messages")
  return {
    id,
    method,
    params: Object.keys(own).length > 0 ? { ...params, _meta: own } : params,
    clientInfo: clientInfo ?? {},
    capabilities,
    logLevel: typeof logLevel === "string" ? logLevel : undefined,
    // Every value was looked at above.
    answers: new Map(Object.entries(inputResponses as Readonly<Record<string, JsonObject>>)),
    state: requestState
  }
}

const faultOfHeaders = (
  { method }: JsonRpc.Request,
  params: JsonObject,
  revision: unknown,
  headers: Headers
): string | undefined => {
  const version = headers["mcp-protocol-version"]
  if (version === undefined) return "the header mcp-protocol-version is missing"
  if (typeof revision === "string" && version !== revision) {
    return "the header mcp-protocol-version says something else than the body"
  }
  const fault = ToolHeaders.mismatch("mcp-method", headers["mcp-method"], method)
  if (fault !== undefined) return fault
  const member = ToolHeaders.namedBy.get(method)
  const name = member === undefined ? undefined : params[member]
  return typeof name === "string" ? ToolHeaders.mismatch("mcp-name", headers["mcp-name"], name) : undefined
}

const missing = (key: string): Refused => invalid(`params._meta has no ${JSON.stringify(key)}`)

const invalid = (message: string): Refused => refused(400, JsonRpc.errorCode.invalidParams, message)

const isImplementation = (value: unknown): value is JsonObject =>
  isObject(value) && typeof value["name"] === "string" && typeof value["version"] === "string"

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value)
