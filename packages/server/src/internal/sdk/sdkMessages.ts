/**
 * Messages between a client and the SDK, in the form that each takes.
 *
 * The SDK drops a message that its schemas do not know, and its sender would wait for ever: such a message is refused here, in words. `null` is absence
 * where absence is allowed. A request whose id is 0 or empty has another one for the SDK, which does not see such an id in a cancellation.
 */
import * as JsonRpc from "@holdfast/protocol/JsonRpc"
import type { Message } from "../session/Conversation.ts"
import type { SdkFailure, SdkMessage, SdkRequestMessage, SdkResult } from "./Transport.ts"

/** What a message of the client's is to the SDK. */
export type Heard =
  | { readonly _tag: "Heard"; readonly message: SdkMessage }
  | { readonly _tag: "Refused"; readonly id: JsonRpc.RequestId; readonly code: number; readonly words: string }

export const hear = (message: Message): Heard => {
  switch (message._tag) {
    case "Request": {
      const { id } = message
      const params = withoutNull(message.params)
      if (!isToken(params)) return refused(id, JsonRpc.errorCode.invalidParams, tokenWords)
      const heard = { jsonrpc: "2.0", id: toSdkId(id), method: message.method, params }
      return isRequest(heard)
        ? { _tag: "Heard", message: heard }
        : refused(id, JsonRpc.errorCode.invalidRequest, "the request has not the form that MCP prescribes")
    }
    case "Notification": {
      const params = withoutNull(message.params)
      return said({ jsonrpc: "2.0", method: message.method, params: named(message.method, params) })
    }
    case "Success": {
      const heard = { jsonrpc: "2.0", id: message.id, result: message.result }
      return isResult(heard) ? { _tag: "Heard", message: heard } : noAnswer(message.id)
    }
    case "Failure": {
      // Without an id it answers nothing that the server has asked.
      const heard = { jsonrpc: "2.0", id: message.id ?? undefined, error: message.error }
      return isFailure(heard) ? { _tag: "Heard", message: heard } : noAnswer(message.id ?? undefined)
    }
  }
}

/** What the SDK says, as a frame and as its text. Throws if it cannot be said. */
export const say = (message: SdkMessage): { readonly frame: JsonRpc.Incoming; readonly text: string } => {
  if ("method" in message) {
    const { method, params } = message
    const frame = "id" in message
      ? { _tag: "Request", id: message.id, method, params } as const
      : { _tag: "Notification", method, params } as const
    return { frame, text: JSON.stringify(message) }
  }
  if ("result" in message) {
    const { result } = message
    const id = fromSdkId(message.id)
    // No client would know it for an answer.
    if (!isObject(result)) throw new TypeError("the handler's answer is no object")
    return {
      frame: { _tag: "Success", id, result },
      text: JSON.stringify(id === message.id ? message : { ...message, id })
    }
  }
  const id = message.id === undefined ? null : fromSdkId(message.id)
  const { error } = message
  return { frame: { _tag: "Failure", id, error }, text: JsonRpc.encodeFailure(id, error) }
}

const zero = "holdfast-id-0"
const empty = "holdfast-id-empty"

/** The SDK takes a cancellation of 0 or of the empty text for one of nothing. */
const toSdkId = (id: JsonRpc.RequestId): JsonRpc.RequestId => id === 0 ? zero : id === "" ? empty : id

export const fromSdkId = <Id extends JsonRpc.RequestId | undefined>(id: Id): Id | JsonRpc.RequestId =>
  id === zero ? 0 : id === empty ? "" : id

const said = (message: object): Heard => // It was read from a JSON-RPC message, and has its members under their own names.
({ _tag: "Heard", message: message as SdkMessage })

const refused = (id: JsonRpc.RequestId, code: number, words: string): Heard => ({ _tag: "Refused", id, code, words })

/** The server is told that it was answered, and that it cannot be told what. */
const noAnswer = (id: JsonRpc.RequestId | undefined): Heard =>
  said({
    jsonrpc: "2.0",
    id,
    error: {
      code: JsonRpc.errorCode.internalError,
      message: "the client's answer has not the form that MCP prescribes"
    }
  })

const named = (method: string, params: unknown): unknown => {
  if (method !== "notifications/cancelled" || !isObject(params)) return params
  const { requestId } = params
  return requestId === 0 || requestId === "" ? { ...params, requestId: toSdkId(requestId) } : params
}

/** Members that may be left out, in the parameters of requests. */
const optional = ["arguments", "cursor", "task"] as const

const withoutNull = (params: unknown): unknown => {
  if (!isObject(params)) return params
  const { _meta } = params
  const hasNoToken = isObject(_meta) && _meta["progressToken"] === null
  if (!hasNoToken && optional.every((name) => params[name] !== null)) return params
  const kept = { ...params }
  for (const name of optional) if (kept[name] === null) delete kept[name]
  if (hasNoToken) {
    const { progressToken: _, ...others } = _meta
    kept["_meta"] = others
  }
  return kept
}

const tokenWords = "params._meta.progressToken is a text, or a whole number that JSON keeps exactly"

const isToken = (params: unknown): boolean => {
  const meta = isObject(params) ? params["_meta"] : undefined
  const token = isObject(meta) ? meta["progressToken"] : undefined
  return token === undefined || typeof token === "string" || Number.isSafeInteger(token)
}

// What the schemas of both versions of the SDK take, without loading them.

interface Framed {
  readonly jsonrpc: string
}

const isRequest = (
  message: Framed & Partial<Record<"id" | "method" | "params", unknown>>
): message is SdkRequestMessage => isId(message.id) && typeof message.method === "string" && hasMembers(message.params)

const isResult = (message: Framed & Partial<Record<"id" | "result", unknown>>): message is SdkResult =>
  isId(message.id) && message.result !== undefined && hasMembers(message.result)

const isFailure = (message: Framed & Partial<Record<"id" | "error", unknown>>): message is SdkFailure => {
  const { error, id } = message
  return (id === undefined || isId(id)) && isObject(error) && Number.isSafeInteger(error["code"]) &&
    typeof error["message"] === "string"
}

const isId = (id: unknown): boolean => typeof id === "string" || Number.isSafeInteger(id)

const hasMembers = (value: unknown): boolean => {
  if (value === undefined) return true
  if (!isObject(value) || !isToken(value)) return false
  const { _meta } = value
  if (_meta === undefined) return true
  if (!isObject(_meta)) return false
  const task = _meta["io.modelcontextprotocol/related-task"]
  return task === undefined || isObject(task) && typeof task["taskId"] === "string"
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value)
