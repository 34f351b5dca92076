/**
 * The tasks extension of 2026-07-28 over the tasks of 2025-11-25, which a server with sessions has.
 *
 * There a result is fetched by a request of its own, and a tool that says `isError` has failed; here the result comes with the task, and
 * only what went wrong in the protocol has failed.
 *
 * @see https://modelcontextprotocol.io/seps/2663-tasks-extension
 */
import * as JsonRpc from "@holdfast/protocol/JsonRpc"
import { missingClientCapability, taskInputKey, tasksExtension } from "@holdfast/protocol/ModernEra"
import * as Effect from "effect/Effect"
import type { Answered, RequestServer } from "./RequestServer.ts"
import { toTask } from "./results.ts"
import { isObject, type JsonObject, type Refused, refused } from "./StatelessRequest.ts"

export const methods: ReadonlySet<string> = new Set(["tasks/get", "tasks/update", "tasks/cancel"])

/** For clients that have not said that they know tasks. */
export const undeclared: Refused = refused(
  400,
  missingClientCapability,
  "the client would have to declare the tasks extension",
  {
    requiredCapabilities: { extensions: { [tasksExtension]: {} } }
  }
)

type Outcome =
  | { readonly _tag: "Success"; readonly result: JsonObject }
  | { readonly _tag: "Failure"; readonly error: JsonRpc.ErrorObject }

export const serve = Effect.fnUntraced(function*(
  requestServer: RequestServer,
  method: string,
  { taskId }: JsonObject,
  answers: ReadonlyMap<string, JsonObject>
): Effect.fn.Return<Outcome> {
  const found = yield* requestServer.ask("tasks/get", { taskId })
  if (found._tag === "Failure") return found
  const task = isObject(found.result) ? found.result : {}
  const isRunning = !ended.has(task["status"])
  switch (method) {
    case "tasks/cancel": {
      // Cancelling twice is cancelling once; one that ends in this moment has ended.
      if (isRunning) yield* requestServer.ask("tasks/cancel", { taskId })
      return acknowledged
    }
    case "tasks/update":
      // What answers no question of the task is ignored, and a task that asks for nothing is not bothered with it.
      if (answers.size === 0 || !isObject(questionsOf(task))) return acknowledged
      return withoutResult(
        yield* requestServer.ask("tasks/update", { taskId, inputResponses: Object.fromEntries(answers) })
      )
    default: {
      if (isRunning || task["status"] === "cancelled") return success(asking(task))
      const payload = yield* requestServer.ask("tasks/result", { taskId })
      return success({ ...toTask(task), ...outcomeOf(payload) })
    }
  }
})

const questionsOf = ({ _meta }: JsonObject): unknown => isObject(_meta) ? _meta[taskInputKey] : undefined

/** What the task asks for stands beside its status. */
const asking = ({ _meta, ...task }: JsonObject): JsonObject => {
  if (!isObject(_meta)) return toTask(task)
  const { [taskInputKey]: inputRequests, ...meta } = _meta
  return {
    ...toTask(task),
    ...(isObject(inputRequests) && { inputRequests }),
    ...(Object.keys(meta).length > 0 && { _meta: meta })
  }
}

const withoutResult = (answered: Answered): Outcome => answered._tag === "Failure" ? answered : acknowledged

const ended: ReadonlySet<unknown> = new Set(["completed", "failed", "cancelled"])

const success = (result: JsonObject): Outcome => ({ _tag: "Success", result })

const acknowledged = success({})

const outcomeOf = (payload: Answered): JsonObject => {
  if (payload._tag === "Failure") return { status: "failed", error: payload.error }
  const result = isObject(payload.result) ? payload.result : {}
  const { _meta, ...others } = result
  if (!isObject(_meta)) return { status: "completed", result: others }
  // Which task it is of is said already.
  const { "io.modelcontextprotocol/related-task": _, ...meta } = _meta
  return { status: "completed", result: Object.keys(meta).length > 0 ? { ...others, _meta: meta } : others }
}
