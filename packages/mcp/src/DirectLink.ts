/**
 * The link of an endpoint, without a handshake: for programs that pass on what others say.
 *
 * Promises: the endpoint is opened as a connection of the runtime would open it, by `LinkOpener` and by its own opener, if it has one.
 *
 * @example
 * ```ts
 * import * as DirectLink from "@holdfast/mcp/DirectLink"
 * import { Endpoint } from "@holdfast/mcp/Endpoint"
 * import type { LinkReceiver } from "@holdfast/mcp/Link"
 *
 * export const open = (receiver: LinkReceiver) =>
 *   DirectLink.open({ server: "fs", endpoint: Endpoint.stdio({ command: "my-server" }) }, receiver)
 * ```
 */
import * as Deadlines from "@holdfast/core/Deadlines"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { openLink } from "./internal/connection/openLink.ts"
import { scopedFork } from "./internal/link/scopedFork.ts"
import type { Link, LinkReceiver } from "./Link.ts"
import type { LinkRequest } from "./LinkOpener.ts"
import type { ConnectReason } from "./McpRuntimeError.ts"

/** Opens the link. The Scope owns it, and the process of it. Fails for the reason that a caller of the server would be told. */
export const open = (request: LinkRequest, receiver: LinkReceiver): Effect.Effect<Link, ConnectReason, Scope.Scope> =>
  Effect.gen(function*() {
    const deadlines = yield* Deadlines.make
    const fork = yield* scopedFork
    return yield* openLink(request, receiver, { deadlines, fork, course: { hasAddress: false, isGuess: false } })
  })
