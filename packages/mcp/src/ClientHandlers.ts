/**
 * What an application offers to the servers it calls: roots, sampling, elicitation.
 *
 * A capability is advertised at the handshake if there is a handler for it, and only then. A server that asks for something
 * else is answered "method not found". The handlers belong to the application as a whole: on a shared connection a server's
 * request does not say which call caused it (the legacy protocol has no word for that), so none may speak for one caller.
 *
 * A handler runs in a fiber of its connection: it is interrupted when the connection ends or the server cancels its request. Its
 * failure is the JSON-RPC error the server gets; a defect in it, or an interruption from within, is told to the server as an internal
 * error, and logged here. So many as 1024 run at once on a connection; what a server asks beyond that is refused.
 *
 * @example
 * ```ts
 * import { McpConnections } from "@holdfast/mcp"
 * import * as Effect from "effect/Effect"
 * import * as FileSystem from "effect/FileSystem"
 *
 * // The handler needs a service, and so does the layer.
 * export const servers = McpConnections.layerFile("mcp.json", {
 *   handlers: {
 *     roots: () =>
 *       Effect.map(
 *         Effect.orDie(FileSystem.FileSystem.use((fs) => fs.realPath("."))),
 *         (folder) => [{ uri: `file://${folder}` }]
 *       )
 *   }
 * })
 * ```
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/client
 */
import * as Data from "effect/Data"
import type * as Effect from "effect/Effect"

/** A directory or file the server may work in. `uri` is a `file://` URI. */
export interface Root {
  readonly uri: string
  readonly name?: string | undefined
}

/** Which server asks. */
export interface Asker {
  /** Its configured name. */
  readonly server: string
}

/** The answer to a server's request that cannot be served. `code` is JSON-RPC's; -1 means that the user said no. */
export class RequestDeclined extends Data.TaggedError("RequestDeclined")<{
  readonly code: number
  readonly message: string
}> {}

/** A request of the server's, and the object it is answered with. `params` is the server's own, unchecked. */
export type RequestHandler<R = never> = (
  params: unknown,
  asker: Asker
) => Effect.Effect<object, RequestDeclined, R>

/**
 * `R`: the services that handlers need, such as a database or the application's own. They are those of the place where the runtime
 * is made: `McpConnections.layer` requires them.
 */
export interface ClientHandlers<R = never> {
  /** Answers `roots/list`. */
  readonly roots?: ((asker: Asker) => Effect.Effect<ReadonlyArray<Root>, RequestDeclined, R>) | undefined
  /** Answers `sampling/createMessage`: asks a model on the server's behalf. Show the user what is asked first. */
  readonly sampling?: RequestHandler<R> | undefined
  /** Answers `elicitation/create`: asks the user. Never for secrets. */
  readonly elicitation?: RequestHandler<R> | undefined
  /** Which questions `elicitation` takes: forms, pages to open in a browser. Default: forms, as revisions before 2025-11-25 had it. */
  readonly elicitationModes?: ReadonlyArray<"form" | "url"> | undefined
}
