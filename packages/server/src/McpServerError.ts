/**
 * Why a server does not serve: one outer error, `McpServerError`, with a tagged `reason`. What a client does wrong is answered to the
 * client and appears here only where a program has asked.
 *
 * @example
 * ```ts
 * import * as McpHost from "@holdfast/server/McpHost"
 * import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js"
 * import * as Effect from "effect/Effect"
 * import * as Layer from "effect/Layer"
 *
 * export const program = Layer.launch(
 *   McpHost.layerHttp({ server: () => new McpServer({ name: "greeter", version: "1.0.0" }), port: 8080 })
 * ).pipe(Effect.catchReason("McpServerError", "ListenFailed", ({ message }) => Effect.logError(message)))
 * ```
 */
import * as Data from "effect/Data"

/** As many sessions as the policy allows are open. The client is answered 503 with `Retry-After`. */
export class SessionLimit extends Data.TaggedError("SessionLimit")<{
  readonly limit: number
  /** Set when it is the limit of one principal. */
  readonly principal?: string
}> {
  override get message(): string {
    return this.principal === undefined
      ? `${this.limit} sessions are open, the limit is maxSessions; clients are asked to come back later`
      : `${this.limit} sessions of ${this.principal} are open, the limit is maxSessionsPerPrincipal`
  }
}

/** There is no such session for this principal: it never was, it has ended, or it is another principal's. Which of them is not said. */
export class SessionNotFound extends Data.TaggedError("SessionNotFound") {
  override get message(): string {
    return "there is no such session; initialize a new one"
  }
}

/** The server is being drained and takes no new sessions and requests. */
export class ServerDraining extends Data.TaggedError("ServerDraining") {
  override get message(): string {
    return "the server is shutting down and takes no new requests"
  }
}

/** An option of the server contradicts the others or makes no sense. Nothing was started. */
export class ServerOptionInvalid extends Data.TaggedError("ServerOptionInvalid")<{
  readonly option: string
  readonly expected: string
  readonly actual: string
}> {
  override get message(): string {
    return `${this.option}: expected ${this.expected}, got ${this.actual}`
  }
}

/** The server would be reachable from other machines without authentication. Nothing was started. */
export class UnsafeBind extends Data.TaggedError("UnsafeBind")<{
  readonly host: string
}> {
  override get message(): string {
    return `listening on ${this.host} would serve other machines without authentication; set auth, or host "127.0.0.1"`
  }
}

/** The address cannot be listened on. Nothing is served. */
export class ListenFailed extends Data.TaggedError("ListenFailed")<{
  readonly host: string
  readonly port: number
  /** The operating system's word for it, such as `EADDRINUSE`; empty if it said none. */
  readonly code: string
  readonly description: string
}> {
  override get message(): string {
    const { code, description, host, port } = this
    const where = `port ${port} of ${host}`
    switch (code) {
      case "EADDRINUSE":
        return `${where} is in use: another program, or another one of this, listens there; end it, or set another port`
      case "EACCES":
        return `${where} may not be listened on by this user; take a port from 1024 on`
      case "EADDRNOTAVAIL":
      case "ENOTFOUND":
        return `${where} cannot be listened on: this machine has no such address; set another host`
      default:
        return `${where} cannot be listened on: ${description}`
    }
  }
}

/** One of the reasons, by its `_tag`. */
export type ServerReason =
  | SessionLimit
  | SessionNotFound
  | ServerDraining
  | ServerOptionInvalid
  | UnsafeBind
  | ListenFailed

/** The one error of this package. */
export class McpServerError extends Data.TaggedError("McpServerError")<{ readonly reason: ServerReason }> {
  override get message(): string {
    return this.reason.message
  }
}
