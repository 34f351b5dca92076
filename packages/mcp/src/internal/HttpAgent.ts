/**
 * Wraps the platform: the sockets under an HTTP link, undici's.
 *
 * Its two timeouts are off: a tool may think for longer than five minutes, and deadlines are kept elsewhere. Idle sockets
 * are let go earlier than the common servers do it (Node and uvicorn after 5 s), or a request could meet a closing one.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { Agent, type Dispatcher } from "undici"

export const make: Effect.Effect<Dispatcher, never, Scope.Scope> = Effect.acquireRelease(
  Effect.sync(() =>
    new Agent({
      bodyTimeout: 0,
      headersTimeout: 0,
      connectTimeout: connectTimeoutMillis,
      keepAliveTimeout: 4000,
      keepAliveTimeoutThreshold: 2000,
      // A pipelined request would wait behind an answer that streams for minutes.
      pipelining: 1,
      // An open response stream occupies its socket.
      connections: null
    })
  ),
  (agent) => Effect.callback<void>((resume) => agent.destroy(null, () => resume(Effect.void)))
)

const connectTimeoutMillis = 10_000

/** What went wrong below HTTP, in words. */
export const describeError = (error: unknown): string => {
  const code = codeOf(error)
  const known = code === undefined ? undefined : descriptions.get(code)
  if (known !== undefined) return known
  const message = error instanceof Error ? error.message : String(error)
  return code === undefined || message.includes(code) ? message : `${message} (${code})`
}

const descriptions: ReadonlyMap<string, string> = new Map([
  ["ECONNREFUSED", "connection refused"],
  ["ECONNRESET", "the connection was reset"],
  ["EPIPE", "the connection was reset"],
  ["ENOTFOUND", "there is no such host"],
  ["EAI_AGAIN", "the name could not be looked up"],
  ["EHOSTUNREACH", "there is no route to the host"],
  ["ENETUNREACH", "there is no route to the network"],
  ["ETIMEDOUT", "the connection timed out"],
  ["UND_ERR_CONNECT_TIMEOUT", `no connection in ${connectTimeoutMillis / 1000} s`],
  ["UND_ERR_SOCKET", "the server closed the connection"]
])

const codeOf = (error: unknown): string | undefined =>
  error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined
