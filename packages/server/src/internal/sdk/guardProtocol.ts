/**
 * A boundary around what an SDK server (version 1) calls that is not its own: its handlers, and those that listen for its errors and its end.
 *
 * The SDK makes an error of what a handler throws, unless it cannot look at it (`null`, a getter that throws): then there is no answer, and the client
 * waits for ever. What a listener throws becomes an unhandled rejection, which ends the process and every other session in it. Without a listener the
 * SDK's own errors are lost.
 *
 * **Gotchas**: the SDK's map of handlers is private. Its version is pinned, and a test shows that they are still guarded.
 */
import * as Predicate from "effect/Predicate"
import type { Level } from "../complain.ts"

/** Told what broke, and in what. */
export type OnFault = (message: string, thrown: unknown, level?: Level) => void

type Handler = (...args: Array<unknown>) => unknown

/** What the wrapped members of a server are now, and what they are wrapped with. */
interface Guard {
  readonly protocol: object
  readonly onFault: OnFault
  readonly safely: (handler: unknown) => unknown
  readonly values: Map<string, unknown>
}

const guardKey = Symbol("holdfast/guard")

export const guardProtocol = (server: object, onFault: OnFault): void => {
  // An `McpServer` is a shell around one.
  const protocol: object = "server" in server && isObject(server.server) ? server.server : server
  if (guardKey in protocol) return
  const safely = guardHandlers(onFault)
  const guard: Guard = { protocol, onFault, safely, values: new Map() }
  for (const [name, { wrap }] of members) guard.values.set(name, wrap(guard, Reflect.get(protocol, name)))
  Object.defineProperty(protocol, guardKey, { value: guard })
  for (const [name, { accessor }] of members) Object.defineProperty(protocol, name, accessor)
  for (const name of ["_requestHandlers", "_notificationHandlers"]) {
    const handlers: unknown = Reflect.get(protocol, name)
    if (!(handlers instanceof Map)) continue
    const known = handlers.get.bind(handlers)
    handlers.get = (method: unknown): unknown => safely(known(method))
  }
}

type Wrap = (guard: Guard, value: unknown) => unknown

/** A listener that breaks is logged, and keeps no other from being told. */
const listener = (name: string, fallback?: (guard: Guard) => (error: unknown) => void): Wrap => (guard, value) => {
  if (!isFunction(value)) return fallback?.(guard)
  return (...args: Array<unknown>): void => {
    try {
      value.apply(guard.protocol, args)
    } catch (thrown) {
      guard.onFault(`the server's own ${name} has failed`, thrown)
    }
  }
}

/**
 * A member that is wrapped: its present value, and every later one. All servers have the same accessors: with its own each would have a shape of its
 * own, which is kept for as long as the session.
 */
const member = (name: string, wrap: Wrap) => {
  const guardOf = (target: object): Guard => Reflect.get(target, guardKey)
  const accessor: PropertyDescriptor & ThisType<object> = {
    configurable: true,
    enumerable: true,
    get() {
      return guardOf(this).values.get(name)
    },
    set(given: unknown) {
      const guard = guardOf(this)
      guard.values.set(name, wrap(guard, given))
    }
  }
  return [name, { accessor, wrap }] as const
}

const handler: Wrap = ({ safely }, value) => safely(value)

const members = [
  // Most of it is what clients say out of place.
  member(
    "onerror",
    listener("onerror", ({ onFault }) => (error) => {
      onFault("the server has met an error", error, "Debug")
    })
  ),
  member("onclose", listener("onclose")),
  member("fallbackRequestHandler", handler),
  member("fallbackNotificationHandler", handler)
]

/** What it throws is something that the SDK can tell the client. */
const guardHandlers = (onFault: OnFault) => {
  const wrapped = new WeakMap<object, Handler>()
  const failing = (thrown: unknown): never => {
    const kind = kindOf(thrown)
    if (kind !== "answer") onFault("a handler has failed", thrown, kind === "failure" ? "Warn" : "Error")
    throw kind === "untold" ? new Error("the handler has failed; see the server's log") : thrown
  }
  return (handler: unknown): unknown => {
    if (!isFunction(handler)) return handler
    const known = wrapped.get(handler)
    if (known !== undefined) return known
    const safe = (...args: Array<unknown>): unknown => {
      try {
        const answer: unknown = handler(...args)
        return Predicate.isPromise(answer) ? answer.catch(failing) : answer
      } catch (thrown) {
        return failing(thrown)
      }
    }
    wrapped.set(handler, safe)
    return safe
  }
}

/**
 * The kind of a thrown value. `answer`: it has a code, or lists what is wrong with the request. `failure`: an error whose words the SDK tells the client.
 * `untold`: the SDK looks at these members, and finds no words or breaks.
 */
const kindOf = (thrown: unknown): "answer" | "failure" | "untold" => {
  try {
    if (!isObject(thrown)) return "untold"
    const [code, , message, issues] = ["code", "data", "message", "issues"].map((name): unknown =>
      Reflect.get(thrown, name)
    )
    if (typeof message !== "string") return "untold"
    return Number.isSafeInteger(code) || Array.isArray(issues) ? "answer" : "failure"
  } catch {
    // It cannot even be looked at.
    return "untold"
  }
}

const isObject = (value: unknown): value is object => typeof value === "object" && value !== null

const isFunction = (value: unknown): value is (...args: Array<unknown>) => unknown => typeof value === "function"
