/**
 * Which endpoints are opened in a way of their own: how `testing` puts a server in the place of a process or a url, and `CustomLink` a
 * connection of the caller's, without any other module knowing of it.
 *
 * Held weakly: an endpoint that nobody has any more takes its server with it.
 */
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Endpoint } from "../../Endpoint.ts"
import type { Link, LinkReceiver } from "../../Link.ts"
import type { ConnectReason } from "../../McpRuntimeError.ts"

/** What an opener needs to know of who connects. */
export interface OpenOptions {
  /** Its name in messages. */
  readonly server: string
  readonly maxMessageBytes?: number | undefined
}

/** `direct` opens the endpoint as if it had no opener. */
export type Open = (
  options: OpenOptions,
  receiver: LinkReceiver,
  direct: Effect.Effect<Link, ConnectReason, Scope.Scope>
) => Effect.Effect<Link, ConnectReason, Scope.Scope>

const openers = new WeakMap<Endpoint, Open>()

/** From now on this endpoint, this very object, is opened so. */
export const answer = (endpoint: Endpoint, open: Open): void => void openers.set(endpoint, open)

/** Undefined for all endpoints of the world outside. */
export const openerOf = (endpoint: Endpoint): Open | undefined => openers.get(endpoint)
