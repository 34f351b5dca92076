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

const guarded: WeakSet<object> = new WeakSet()

export const guardProtocol = (server: object, onFault: OnFault): void => {
  // An `McpServer` is a shell around one.
  const protocol: object = "server" in server && isObject(server.server) ? server.server : server
  if (guarded.has(protocol)) return
  guarded.add(protocol)
  const listening = guardListeners(protocol, onFault)
  const safely = guardHandlers(onFault)
  // Most of it is what clients say out of place.
  listening("onerror", (error) => onFault("the server has met an error", error, "Debug"))
  listening("onclose", undefined)
  wrapWhenSet(protocol, "fallbackRequestHandler", safely)
  wrapWhenSet(protocol, "fallbackNotificationHandler", safely)
  for (const name of ["_requestHandlers", "_notificationHandlers"]) {
    const handlers: unknown = Reflect.get(protocol, name)
    if (!(handlers instanceof Map)) continue
    const known = handlers.get.bind(handlers)
    handlers.get = (method: unknown): unknown => safely(known(method))
  }
}

/** A listener that breaks is logged, and keeps no other from being told. */
const guardListeners =
  (protocol: object, onFault: OnFault) => (name: string, fallback?: (error: unknown) => void): void =>
    wrapWhenSet(protocol, name, (listener) => {
      if (!isFunction(listener)) return fallback
      return (...args: Array<unknown>): void => {
        try {
          listener.apply(protocol, args)
        } catch (thrown) {
          onFault(`the server's own ${name} has failed`, thrown)
        }
      }
    })

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

/** Wraps a member: its present value, and every later one. */
const wrapWhenSet = (target: object, name: string, wrap: (value: unknown) => unknown): void => {
  let value = wrap(Reflect.get(target, name))
  Object.defineProperty(target, name, {
    configurable: true,
    enumerable: true,
    get: () => value,
    set: (given: unknown) => {
      value = wrap(given)
    }
  })
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
