/** What a link over Streamable HTTP is told when it is made. */
import type { Deadlines } from "@holdfast/core/Deadlines"
import type * as Duration from "effect/Duration"
import type * as Redacted from "effect/Redacted"
import type { HttpAuthorizer } from "../../HttpAuthorizer.ts"
import type { SessionLostClassifier, SessionSigns } from "./SessionLost.ts"

/** What a link over Streamable HTTP is told when it is made. */
export interface HttpLinkOptions {
  /** Absolute, `http:` or `https:`. A name and password in it become an `Authorization` header. */
  readonly url: string
  /** Sent with every request. Headers of the protocol win over them. */
  readonly headers: Readonly<Record<string, Redacted.Redacted>>
  /** Asked for credentials. Default: none, the headers are all there is. */
  readonly authorizer?: HttpAuthorizer | undefined
  /** Keeps the times that are waited: for a reconnection, for what a server leaves open after the answer. */
  readonly deadlines: Pick<Deadlines, "arm">
  /** Longest message accepted. Default: 64 MiB. */
  readonly maxMessageBytes?: number | undefined
  /**
   * Whether a response means that the server has forgotten the session. Asked about every status but 2xx, and about a JSON-RPC
   * error that comes alone as JSON with a 2xx; only of requests that named a session. One that throws has not said so. Said by `Endpoint.http`, or by
   * `LayerOptions.isSessionLost` for a server of a config file. A function is the only judge, and what it takes for lost is closed
   * at once. Signs, which a config file can say, are known on top of `isSessionLost`, which is the default.
   */
  readonly isSessionLost?: SessionLostClassifier | SessionSigns | undefined
  /** Asks for the server's own stream after the handshake. In a config file `push`. Default: true. */
  readonly push?: boolean | undefined
  /** How long the DELETE that ends the session may take. In a config file `sessionEndTimeout`. Default: 2 seconds. */
  readonly sessionEndTimeout?: Duration.Input | undefined
}
