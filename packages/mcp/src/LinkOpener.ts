/**
 * Opens the links of all connections: a place to observe, delay or break them in a test, or to count them in a program.
 *
 * Default: the endpoint is opened as it says, by its own `open` if it has one.
 *
 * @example
 * ```ts
 * import { LinkOpener } from "@holdfast/mcp/LinkOpener"
 * import * as Effect from "effect/Effect"
 * import * as Layer from "effect/Layer"
 *
 * export const loud = Layer.succeed(LinkOpener, (open) => (options, receiver) =>
 *   Effect.andThen(Effect.logInfo(`a link to ${options.server}`), open(options, receiver)))
 * ```
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Endpoint } from "./Endpoint.ts"
import type { Link, LinkReceiver, OpenOptions } from "./Link.ts"
import type { ConnectReason } from "./McpRuntimeError.ts"

/** One link is wanted, to this endpoint. */
export interface LinkRequest extends OpenOptions {
  readonly endpoint: Endpoint
}

/** Opens one link. The Scope owns it. Fails for the reason that the callers of the server are told. */
export type OpenLink = (
  request: LinkRequest,
  receiver: LinkReceiver
) => Effect.Effect<Link, ConnectReason, Scope.Scope>

/** Given the opener that would be asked otherwise, gives the one that is asked. Default: the same. */
export const LinkOpener = Context.Reference<(open: OpenLink) => OpenLink>("@holdfast/mcp/LinkOpener", {
  defaultValue: () => (open) => open
})
