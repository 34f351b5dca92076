/**
 * Failures under the name that their reader knows the server by: of two names of one config that mean the same server, a connection
 * bears the one it was opened for, and its failures do too until a caller by another name is told of them.
 */
import * as Effect from "effect/Effect"
import type { Reason } from "../../McpRuntimeError.ts"
import type { McpConnection } from "./contract.ts"

/** The same failure, of the server of this name. */
export const named = <R extends Reason>(reason: R, server: string): R =>
  "server" in reason && reason.server !== server
    // Every reason is made of its members, and this is its own class: what comes is of the type that went.
    ? Reflect.construct(reason.constructor, [{ ...reason, server }]) as R
    : reason

/** A message without the server's name that it begins with, where that is said already. */
export const withoutName = (message: string, server: string): string =>
  message.startsWith(`${server}: `) ? message.slice(server.length + 2) : message

/** A connection as one of its names is told of it. */
export const connectionOf = (connection: McpConnection, server: string): McpConnection => {
  if (connection.server === server) return connection
  const mine = <A, E extends Reason>(effect: Effect.Effect<A, E>): Effect.Effect<A, E> =>
    Effect.mapError(effect, (failure) => named(failure, server))
  return {
    ...connection,
    server,
    request: (method, params, options) => mine(connection.request(method, params, { ...options, server })),
    notify: (method, params) => mine(connection.notify(method, params)),
    listen: (filter, options) => mine(connection.listen(filter, options)),
    closed: Effect.map(connection.closed, (reason) => named(reason, server))
  }
}
