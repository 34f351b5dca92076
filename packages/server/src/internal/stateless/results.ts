/** What an answer of a server with sessions is in revision 2026-07-28. */
import * as JsonRpc from "@holdfast/protocol/JsonRpc"
import type * as Messages from "@holdfast/protocol/Messages"
import { metaKey, missingClientCapability, tasksExtension } from "@holdfast/protocol/ModernEra"
import { isObject, type JsonObject } from "./StatelessRequest.ts"

/** Results that clients may keep for a while. */
const cacheable: ReadonlySet<string> = new Set([
  "server/discover",
  "tools/list",
  "prompts/list",
  "resources/list",
  "resources/templates/list",
  "resources/read"
])

/** Unless the server says otherwise a result is its client's alone, and is not to be kept: it may be another in the next moment. */
export const toResult = (method: string, result: unknown, serverInfo: Messages.Implementation): JsonObject => {
  const answer = isObject(result) ? result : {}
  // What was to be a task is told as one.
  const { task } = answer
  const isTask = method === "tools/call" && isObject(task)
  const said = isTask ? { resultType: "task", ...toTask(task) } : answer
  const { _meta } = answer
  return {
    resultType: "complete",
    ...(cacheable.has(method) && { ttlMs: 0, cacheScope: "private" }),
    ...said,
    _meta: { ...(isObject(_meta) && _meta), [metaKey.serverInfo]: serverInfo }
  }
}

/** The code that older revisions had for a resource that is not there. */
const resourceNotFound = -32002

/** An error of a server, and the status it has over HTTP. */
export const toError = (
  method: string,
  { uri }: JsonObject,
  error: JsonRpc.ErrorObject
): { readonly status: number; readonly error: JsonRpc.ErrorObject } => {
  if (error.code === JsonRpc.errorCode.methodNotFound) return { status: 404, error }
  if (error.code === missingClientCapability) return { status: 400, error }
  const isNotFound = method === "resources/read" &&
    (error.code === resourceNotFound || error.code === JsonRpc.errorCode.invalidParams)
  return isNotFound
    ? { status: 200, error: { data: { uri }, ...error, code: JsonRpc.errorCode.invalidParams } }
    : { status: 200, error }
}

/** The capabilities of a server as `server/discover` tells them. */
export const toCapabilities = ({ tasks, ...capabilities }: JsonObject): JsonObject => {
  const { extensions } = capabilities
  return isObject(tasks)
    ? { ...capabilities, extensions: { ...(isObject(extensions) && extensions), [tasksExtension]: {} } }
    : capabilities
}

/** Whether the client can be given tasks instead of results. */
export const takesTasks = ({ extensions }: JsonObject): boolean => isObject(extensions) && tasksExtension in extensions

/** A task of revision 2025-11-25 as the extension tells it. */
export const toTask = ({ pollInterval, ttl, ...task }: JsonObject): JsonObject => ({
  ...task,
  ttlMs: typeof ttl === "number" ? ttl : null,
  ...(typeof pollInterval === "number" && { pollIntervalMs: pollInterval })
})
