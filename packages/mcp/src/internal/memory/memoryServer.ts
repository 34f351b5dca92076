/**
 * The server's side of MCP over a memory link: the handshake of both eras, and a fiber per request that a handler answers.
 */
import * as JsonRpc from "@holdfast/protocol/JsonRpc"
import type * as Messages from "@holdfast/protocol/Messages"
import * as ModernEra from "@holdfast/protocol/ModernEra"
import * as Revision from "@holdfast/protocol/Revision"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { isNativeError } from "node:util/types"
import type { Handler, MemoryCall, MemoryServerOptions, MemoryTool } from "./contract.ts"
import type { MemoryPeer } from "./memoryLink.ts"

/** Told of everything that clients say, in order. */
export type OnReceived = (frame: JsonRpc.Incoming, peer: MemoryPeer) => void

/** Serves one connection until it ends. */
export const serve = (options: MemoryServerOptions, onReceived: OnReceived) => {
  const handlers = handlersOf(options)
  return Effect.fnUntraced(function*(peer: MemoryPeer): Effect.fn.Return<void> {
    const running = new Map<JsonRpc.RequestId, Fiber.Fiber<void>>()
    const cancel = (id: JsonRpc.RequestId): void => {
      running.get(id)?.interruptUnsafe()
      running.delete(id)
    }
    /** Over HTTP what is let go of may not even have been read. */
    const letGo = new Set<JsonRpc.RequestId>()
    if (options.transport === "http") {
      peer.onForgotten = (id) => {
        if (!running.has(id)) letGo.add(id)
        cancel(id)
      }
    }
    for (;;) {
      const frame = JsonRpc.decode(yield* peer.read)
      if (frame._tag === "Malformed" || frame._tag === "Batch") continue
      onReceived(frame, peer)
      if (frame._tag === "Notification") {
        if (frame.method === "notifications/cancelled") cancel(cancelledBy(frame.params))
        continue
      }
      if (frame._tag !== "Request") continue
      const { id } = frame
      const fiber = yield* Effect.forkChild(Effect.ensuring(
        answer(handlers, callOf(frame, peer)),
        Effect.sync(() => running.delete(id))
      ))
      if (letGo.delete(id)) fiber.interruptUnsafe()
      // Under some schedulers it is done before this.
      if (fiber.pollUnsafe() === undefined) running.set(id, fiber)
    }
  })
}

/** Listens as long as the client does, if the resources may be subscribed to. */
const listening = (options: MemoryServerOptions): Handler => {
  const own = options.handlers?.["subscriptions/listen"]
  const subscribe = options.handlers?.["resources/subscribe"]
  const capabilities = capabilitiesOf(options)
  return (params, call) => {
    const wanted = membersOf(params["notifications"])
    const acknowledge = Effect.sync(() => {
      const _meta = { [ModernEra.metaKey.subscriptionId]: call.id }
      const method = "notifications/subscriptions/acknowledged"
      call.connection.send({ jsonrpc: "2.0", method, params: { notifications: honoured(wanted, capabilities), _meta } })
    })
    if (own === undefined) {
      const uris = Array.isArray(wanted["resourceSubscriptions"]) ? wanted["resourceSubscriptions"] : []
      const subscribing = Effect.forEach(uris, (uri) => subscribe?.({ uri }, call) ?? Effect.void, { discard: true })
      return Effect.andThen(Effect.andThen(subscribing, acknowledge), Effect.never)
    }
    return Effect.gen(function*() {
      const fiber = yield* Effect.forkChild(Effect.suspend(() => own(params, call)), { startImmediately: true })
      const end = fiber.pollUnsafe()
      // One that is refused at once is told nothing before.
      if (end === undefined || Exit.isSuccess(end)) yield* acknowledge
      return yield* Fiber.join(fiber)
    })
  }
}

const honoured = (
  wanted: Readonly<Record<string, unknown>>,
  { prompts, resources, tools }: Messages.ServerCapabilities
): object => ({
  ...(tools?.listChanged === true && { toolsListChanged: wanted["toolsListChanged"] }),
  ...(prompts?.listChanged === true && { promptsListChanged: wanted["promptsListChanged"] }),
  ...(resources?.listChanged === true && { resourcesListChanged: wanted["resourcesListChanged"] }),
  ...(resources?.subscribe === true && { resourceSubscriptions: wanted["resourceSubscriptions"] })
})

const answer = (handlers: ReadonlyMap<string, Handler>, call: MemoryCall): Effect.Effect<void> => {
  const { connection, id, method, params } = call
  const handler = handlers.get(method)
  if (handler === undefined) {
    const error = { code: JsonRpc.errorCode.methodNotFound, message: `Method not found: ${method}` }
    return Effect.sync(() => connection.send({ jsonrpc: "2.0", id, error }))
  }
  return Effect.suspend(() => handler(params, call)).pipe(
    Effect.map((result) => ({ jsonrpc: "2.0", id, result })),
    Effect.catch((error) => Effect.succeed({ jsonrpc: "2.0", id, error })),
    Effect.catchDefect((defect) => {
      const message = isNativeError(defect) ? defect.message : String(defect)
      const error = { code: JsonRpc.errorCode.internalError, message }
      // The client learns no more than that. It may be an assertion of the test's, and a test wants the place.
      const told = Effect.logError(`a server in memory: ${method} died`, Cause.die(defect))
      return Effect.as(told, { jsonrpc: "2.0", id, error })
    }),
    Effect.map((message) => connection.send(message))
  )
}

const callOf = ({ id, method, params }: JsonRpc.Request, connection: MemoryPeer): MemoryCall => {
  const members = membersOf(params)
  const { progressToken } = membersOf(members["_meta"])
  return {
    id,
    method,
    params: members,
    connection,
    progress: (progress) =>
      Effect.sync(() => {
        if (progressToken === undefined) return
        const method = "notifications/progress"
        connection.send({ jsonrpc: "2.0", method, params: { ...progress, progressToken } })
      })
  }
}

const handlersOf = (options: MemoryServerOptions): ReadonlyMap<string, Handler> => {
  const { era = "both", handlers = {}, instructions, name = "memory", tools } = options
  const serverInfo = { name, version: options.version ?? "0.0.0" }
  const said = { capabilities: capabilitiesOf(options), ...(instructions !== undefined && { instructions }) }
  const initialize: Handler = ({ protocolVersion }) =>
    Effect.succeed({
      protocolVersion: typeof protocolVersion === "string" && Revision.isLegacy(protocolVersion)
        ? protocolVersion
        : Revision.latestLegacy,
      serverInfo,
      ...said
    })
  const discover: Handler = () =>
    Effect.succeed({
      resultType: "complete",
      supportedVersions: [...Revision.modern, ...(era === "both" ? Revision.legacy : [])],
      _meta: { [ModernEra.metaKey.serverInfo]: serverInfo },
      ...said
    })
  const refuse: Handler = () =>
    Effect.fail({
      code: ModernEra.unsupportedProtocolVersion,
      message: "Unsupported protocol version",
      data: { supported: Revision.modern }
    })
  return new Map<string, Handler>([
    ["ping", () => Effect.succeed({})],
    ["initialize", era === "modern" ? refuse : initialize],
    ...(era === "legacy" ? [] : [["server/discover", discover] as const]),
    ...(tools === undefined ? [] : toolHandlers(new Map(Object.entries(tools)))),
    ...Object.entries(handlers),
    ...(era === "legacy" ? [] : [["subscriptions/listen", listening(options)] as const])
  ])
}

const toolHandlers = (tools: ReadonlyMap<string, MemoryTool>): ReadonlyArray<readonly [string, Handler]> => [
  ["tools/list", () =>
    Effect.succeed({
      tools: [...tools].map(([name, { annotations, description, inputSchema = { type: "object" } }]) => ({
        name,
        inputSchema,
        ...(description !== undefined && { description }),
        ...(annotations !== undefined && { annotations })
      }))
    })],
  ["tools/call", (params, call) => {
    const { name } = params
    const tool = typeof name === "string" ? tools.get(name) : undefined
    if (tool === undefined) {
      return Effect.fail({ code: JsonRpc.errorCode.invalidParams, message: `Unknown tool: ${String(name)}` })
    }
    return Effect.map(
      Effect.suspend(() => tool.run(membersOf(params["arguments"]), call)),
      (result) => typeof result === "string" ? { content: [{ type: "text", text: result }] } : result
    )
  }]
]

/** What is there is offered. */
const capabilitiesOf = ({ capabilities, handlers = {}, tools }: MemoryServerOptions): Messages.ServerCapabilities => {
  const methods = Object.keys(handlers)
  const handles = (prefix: string) => methods.some((method) => method.startsWith(prefix))
  return {
    ...((tools !== undefined || handles("tools/")) && { tools: {} }),
    ...(handles("resources/") && { resources: { subscribe: methods.includes("resources/subscribe") } }),
    ...(handles("prompts/") && { prompts: {} }),
    ...(handles("logging/") && { logging: {} }),
    ...(handles("completion/") && { completions: {} }),
    ...capabilities
  }
}

const cancelledBy = (params: unknown): JsonRpc.RequestId => {
  const { requestId } = membersOf(params)
  return JsonRpc.isRequestId(requestId) ? requestId : ""
}

const membersOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null ? { ...value } : {}
