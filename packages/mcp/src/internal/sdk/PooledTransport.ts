/**
 * The SDK's `Transport` over a pooled connection: see `SdkTransport`.
 *
 * The client's messages are taken apart into calls of the runtime and put together again: so ids, progress tokens and
 * cancellations of several clients never meet, and a lost connection is the runtime's business alone. Each request is a
 * fiber; the code that takes it out of `#calls` owns its end, which makes every request answered once at most.
 */
import * as JsonRpc from "@holdfast/protocol/JsonRpc"
import type * as Messages from "@holdfast/protocol/Messages"
import * as NearestNumbers from "@holdfast/protocol/NearestNumbers"
import * as Revision from "@holdfast/protocol/Revision"
import type * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { isNativeError } from "node:util/types"
import type { Endpoint } from "../../Endpoint.ts"
import type { McpConnections } from "../../McpConnections.ts"
import { McpRuntimeError } from "../../McpRuntimeError.ts"
import { ofRuntime } from "./callErrors.ts"
import { ClientWishes } from "./ClientWishes.ts"
import type { SdkMessage, Transport } from "./Transport.ts"

export type { Transport }

/** It was started twice, or used before its start or after its end. */
export class TransportUnusable extends Data.TaggedError("TransportUnusable")<{ readonly message: string }> {}

/** A request at work. */
interface Call {
  fiber: Fiber.Fiber<void> | undefined
  /** It has reported progress, which the client may still have to look at. */
  hasProgressed: boolean
}

type Members = Readonly<Record<string, unknown>>

/** What else the client says is about a connection of its own, which it does not have. */
const local: ReadonlySet<string> = new Set([
  "notifications/initialized",
  "notifications/roots/list_changed",
  "notifications/progress"
])

export class PooledTransport implements Transport {
  onclose: (() => void) | undefined
  onerror: ((error: Error) => void) | undefined
  onmessage: Transport["onmessage"]
  /** Stays undefined: with an id the SDK would skip `initialize`. */
  readonly sessionId: string | undefined = undefined

  readonly #connections: McpConnections["Service"]
  readonly #server: string | Endpoint
  readonly #context: Context.Context<never>
  readonly #keepsNumbers: boolean
  readonly #scope = Scope.makeUnsafe()
  readonly #wishes: ClientWishes
  readonly #calls = new Map<JsonRpc.RequestId, Call>()
  /** The names its notifications come under. */
  readonly #names = new Set<string>()
  #state: "new" | "open" | "closed" = "new"

  constructor(
    connections: McpConnections["Service"],
    server: string | Endpoint,
    context: Context.Context<never>,
    keepsNumbers = false
  ) {
    this.#keepsNumbers = keepsNumbers
    this.#connections = connections
    this.#server = server
    this.#context = context
    this.#wishes = new ClientWishes(connections, server, this.#scope)
    if (typeof server === "string") this.#names.add(server)
  }

  start(): Promise<void> {
    return this.#promise(Effect.suspend(() => {
      if (this.#state !== "new") return this.#unusable("make another for another connect")
      // What is wrong with the server is said in the answer to `initialize`: an SDK client survives that, but no failed start.
      this.#state = "open"
      this.#listen()
      return Effect.void
    }))
  }

  send(message: SdkMessage): Promise<void> {
    return this.#promise(Effect.suspend((): Effect.Effect<void, McpRuntimeError | TransportUnusable> => {
      if (this.#state !== "open") return this.#unusable("connect the client first")
      if (!("method" in message)) {
        return Effect.logDebug("SdkTransport: dropped the client's answer to a request it was never sent")
      }
      if (!("id" in message)) return this.#notified(message.method, message.params)
      this.#begin(message.id, message.method, message.params)
      return Effect.void
    }))
  }

  close(): Promise<void> {
    return this.#promise(Effect.suspend(() => this.#close()))
  }

  /** The revision is the pooled connection's, agreed on long ago. */
  setProtocolVersion(): void {}

  #unusable(advice: string): Effect.Effect<never, TransportUnusable> {
    const message = `the transport is ${this.#state === "open" ? "started already" : this.#state}: ${advice}`
    return Effect.fail(new TransportUnusable({ message }))
  }

  #promise<A, E>(effect: Effect.Effect<A, E>): Promise<A> {
    return Effect.runPromiseWith(this.#context)(effect)
  }

  #fork<A, E>(effect: Effect.Effect<A, E>): Fiber.Fiber<A, E> {
    return Fiber.runIn(Effect.runForkWith(this.#context)(effect), this.#scope)
  }

  #close(): Effect.Effect<void> {
    if (this.#state === "closed") return Effect.void
    this.#state = "closed"
    const running = [...this.#calls.values()]
    this.#calls.clear()
    for (const { fiber } of running) fiber?.interruptUnsafe()
    try {
      this.onclose?.()
    } catch (error) {
      this.#complain("onclose", error)
    }
    return Scope.close(this.#scope, Exit.void)
  }

  /** Until the transport closes. The stream ends with the runtime, and the transport with it. */
  #listen(): void {
    this.#fork(
      Effect.onExit(
        Stream.runForEach(this.#connections.notifications, ({ method, params, server }) =>
          Effect.sync(() => {
            if (this.#names.has(server) && this.#wishes.concerns(method, params)) this.#deliver({ method, params })
          })),
        () => Effect.suspend(() => this.#close())
      )
    )
  }

  #notified(method: string, params: Members | undefined): Effect.Effect<void, McpRuntimeError> {
    if (method === "notifications/cancelled") {
      const id = params?.["requestId"]
      return Effect.sync(() => {
        if (typeof id === "string" || typeof id === "number") this.#take(id)?.fiber?.interruptUnsafe()
      })
    }
    if (local.has(method)) return Effect.void
    return this.#connections.use(this.#server, (connection) =>
      // A notification has no answer to wait for; what becomes of the connection, its next request will tell.
      Effect.catch(connection.notify(method, params), (failure) =>
        Effect.logDebug(`${connection.server}: ${method} was not delivered: ${failure.message}`)))
  }

  #take(id: JsonRpc.RequestId): Call | undefined {
    const call = this.#calls.get(id)
    this.#calls.delete(id)
    return call
  }

  #begin(id: JsonRpc.RequestId, method: string, params: Members | undefined): void {
    if (this.#calls.has(id)) {
      const message = `the request id ${JSON.stringify(id)} is in use already`
      return this.#deliver({ id, error: { code: JsonRpc.errorCode.invalidRequest, message } })
    }
    const call: Call = { fiber: undefined, hasProgressed: false }
    this.#calls.set(id, call)
    call.fiber = this.#fork(
      this.#answer(method, params, (progressToken, progress) => {
        if (this.#calls.get(id) !== call) return
        call.hasProgressed = true
        this.#deliver({ method: "notifications/progress", params: { ...progress, progressToken } })
      }).pipe(
        Effect.map((result) => ({ id, result })),
        Effect.catch((failure) =>
          Effect.succeed({ id, error: failure instanceof McpRuntimeError ? ofRuntime(failure) : failure })
        ),
        Effect.catchDefect((defect) =>
          Effect.as(Effect.logError(`SdkTransport: ${method} failed`, defect), {
            id,
            error: { code: JsonRpc.errorCode.internalError, message: "Internal error" }
          })
        ),
        // The SDK looks at progress one turn after it came and at an answer at once: an answer on its heels would hide it.
        Effect.tap(() => call.hasProgressed ? Effect.yieldNow : Effect.void),
        Effect.map((answer) => {
          if (this.#calls.get(id) !== call) return
          this.#calls.delete(id)
          this.#deliver(answer)
        })
      )
    )
  }

  #answer(
    method: string,
    params: Members | undefined,
    onProgress: (token: unknown, progress: Messages.Progress) => void
  ): Effect.Effect<unknown, McpRuntimeError | JsonRpc.ErrorObject> {
    switch (method) {
      case "initialize":
        return this.#initialize(params)
      case "ping":
        return this.#ping()
      case "logging/setLevel":
        return this.#wishes.setLevel(params?.["level"])
      case "resources/subscribe":
      case "resources/unsubscribe": {
        const uri = params?.["uri"]
        if (typeof uri !== "string") {
          return Effect.fail({ code: JsonRpc.errorCode.invalidParams, message: "uri: expected a string" })
        }
        return method === "resources/subscribe" ? this.#wishes.subscribe(uri) : this.#wishes.unsubscribe(uri)
      }
      default: {
        const { progressToken, rest } = withoutProgressToken(params)
        return this.#connections.request(this.#server, { method, params: rest }, {
          ...(progressToken !== undefined && { onProgress: (progress) => onProgress(progressToken, progress) })
        }).pipe(Effect.map((result) => this.#keepsNumbers ? result : withNearestNumbers(result)))
      }
    }
  }

  /** Answered from the handshake that the pool's connection has behind it. */
  #initialize(params: Members | undefined): Effect.Effect<object, McpRuntimeError> {
    const asked = params?.["protocolVersion"]
    const offered = Object.keys(membersOf(params?.["capabilities"])).filter((name) =>
      ["roots", "sampling", "elicitation"].includes(name)
    )
    return this.#connections.use(this.#server, (connection) => {
      const { capabilities, instructions, protocolVersion, server, serverInfo } = connection
      this.#names.add(server)
      const result = {
        protocolVersion: revisionFor(asked, protocolVersion),
        capabilities,
        serverInfo,
        ...(instructions !== undefined && { instructions })
      }
      return Effect.as(
        offered.length === 0 ? Effect.void : Effect.logWarning(
          `${server}: this client offers ${
            offered.join(", ")
          }, which no server on a shared connection will ask it for; ` +
            `give the handlers to the runtime instead (LayerOptions.handlers)`
        ),
        result
      )
    }).pipe(
      // From now on the client may hold the server to what it has been told: the connection is kept until the client goes.
      Effect.tap(() => Scope.provide(this.#connections.warm(this.#server), this.#scope))
    )
  }

  /** Revision 2026-07-28 has no `ping`; what any server of it answers is `server/discover`. */
  #ping(): Effect.Effect<object, McpRuntimeError> {
    return this.#connections.use(this.#server, ({ era }) => Effect.succeed(era)).pipe(
      Effect.flatMap((era) =>
        this.#connections.request(this.#server, { method: era === "modern" ? "server/discover" : "ping" })
      ),
      Effect.as({})
    )
  }

  #deliver(message: object): void {
    if (this.#state !== "open") return
    try {
      // The members are what the server said or what JSON-RPC prescribes; the SDK checks them again, against its own schemas.
      this.onmessage?.({ jsonrpc: "2.0", ...message } as SdkMessage)
    } catch (error) {
      try {
        this.onerror?.(isNativeError(error) ? error : new Error(String(error)))
      } catch (another) {
        this.#complain("onerror", another)
      }
    }
  }

  /** What the client's own functions throw stays its own trouble. */
  #complain(listener: string, error: unknown): void {
    this.#fork(Effect.logWarning(`SdkTransport: ${listener} of the client failed`, error))
  }
}

/**
 * What `initialize` is answered with. An older client would refuse the newer revision, though what it needs of it is the same:
 * the revisions of this era add to each other, and what lies beyond is translated by the pooled connection.
 */
const revisionFor = (asked: unknown, agreed: string): string => {
  if (typeof asked === "string" && Revision.isLegacy(asked) && asked < agreed) return asked
  return Revision.isLegacy(agreed) ? agreed : Revision.latestLegacy
}

/** What clients of the SDK and the schemas of their tools know of numbers are numbers. */
const withNearestNumbers = (result: unknown): unknown => {
  const { structuredContent } = membersOf(result)
  const numbers = NearestNumbers.nearest(structuredContent)
  return numbers === structuredContent ? result : { ...membersOf(result), structuredContent: numbers }
}

const membersOf = (value: unknown): Members =>
  // Any object that is no list can be asked for any member.
  typeof value === "object" && value !== null && !Array.isArray(value) ? value as Members : {}

/** The client's token is its own: towards the server the runtime uses one that no other client has. */
const withoutProgressToken = (
  params: Members | undefined
): { readonly progressToken: unknown; readonly rest: Members | undefined } => {
  const meta = membersOf(params?.["_meta"])
  if (!("progressToken" in meta)) return { progressToken: undefined, rest: params }
  const { progressToken, ...others } = meta
  const { _meta, ...rest } = params ?? {}
  return { progressToken, rest: Object.keys(others).length === 0 ? rest : { ...rest, _meta: others } }
}
