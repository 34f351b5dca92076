/**
 * What one connects to: a command that speaks MCP over stdio, or the url of a Streamable HTTP server.
 *
 * Endpoints are plain immutable data: they can be built from a config file or on the spot, compared, logged. Values that
 * may be secret (environment, headers) are `Redacted`, so logging an endpoint shows none of them; arguments and the url
 * are not, because they show up in the process table and in access logs anyway. `secrets` names values in those that messages leave out.
 *
 * Gotchas: two endpoints are the same for sharing when their keys are (`EndpointKey`), not when they are the same object.
 *
 * @example
 * ```ts
 * import { Endpoint } from "@holdfast/mcp"
 *
 * export const process = Endpoint.stdio({ command: "npx", args: ["-y", "@modelcontextprotocol/server-everything"] })
 * export const url = Endpoint.http({ url: "https://mcp.example.org/mcp", headers: { authorization: "Bearer …" } })
 * ```
 */
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Redacted from "effect/Redacted"
import type { HttpAuthorizer } from "./HttpAuthorizer.ts"
import { millisOf } from "./internal/durations.ts"
import type { SessionLostClassifier, SessionSigns } from "./internal/http/SessionLost.ts"
import * as redactSecrets from "./internal/link/redactSecrets.ts"
import type { OpenOwnLink } from "./Link.ts"

/** A server that is a process of ours: started with `command` and `args`, never through a shell. */
export class StdioEndpoint extends Data.TaggedClass("Stdio")<{
  /** An absolute path, a path relative to `cwd`, or a name that is looked up in PATH. */
  readonly command: string
  readonly args: ReadonlyArray<string>
  /** The process's working directory. `undefined`: that of the runtime. */
  readonly cwd: string | undefined
  /** Set on top of the allow-listed environment. */
  readonly env: Readonly<Record<string, Redacted.Redacted>>
  /** True hands the runtime's whole environment to the process. */
  readonly inheritEnv: boolean
  /** Values in the other fields that are secrets although these are not, such as a token among the arguments. No message has them. */
  readonly secrets: ReadonlyArray<Redacted.Redacted>
  /** Opens its link in a way of its own. `undefined`: the way of its kind. Not part of the key. */
  readonly open: OpenOwnLink | undefined
}> {}

/** A server behind a url, spoken to over Streamable HTTP. */
export class HttpEndpoint extends Data.TaggedClass("Http")<{
  /** Absolute, `http:` or `https:`. */
  readonly url: string
  /** Sent with every request. */
  readonly headers: Readonly<Record<string, Redacted.Redacted>>
  /** Asked for credentials before every request, and again when they are refused. `undefined`: the headers are all there is. */
  readonly authorizer: HttpAuthorizer | undefined
  /** False: the server's own stream is not asked for, and what it says of its own accord is not heard. */
  readonly push: boolean
  /** How long the DELETE that ends a session may take. */
  readonly sessionEndTimeout: Duration.Duration
  /** `undefined`: a 404 means that the session is lost, and any refusal that says so. */
  readonly isSessionLost: SessionLostClassifier | SessionSigns | undefined
  /** Values in the url that are secrets although a url is none, such as a token in its path. No message has them. */
  readonly secrets: ReadonlyArray<Redacted.Redacted>
  /** Opens its link in a way of its own. `undefined`: the way of its kind. Not part of the key. */
  readonly open: OpenOwnLink | undefined
}> {}

/** A server behind a url that speaks the deprecated HTTP+SSE transport of revision 2024-11-05 only. */
export class SseEndpoint extends Data.TaggedClass("Sse")<{
  /** Absolute, `http:` or `https:`: where the event stream is. */
  readonly url: string
  /** Sent with every request. */
  readonly headers: Readonly<Record<string, Redacted.Redacted>>
  /** Asked for credentials before every request, and again when they are refused. `undefined`: the headers are all there is. */
  readonly authorizer: HttpAuthorizer | undefined
  /** Values in the url that are secrets although a url is none, such as a token in its path. No message has them. */
  readonly secrets: ReadonlyArray<Redacted.Redacted>
  /** Opens its link in a way of its own. `undefined`: the way of its kind. Not part of the key. */
  readonly open: OpenOwnLink | undefined
}> {}

/** One server, by the transport it speaks. `_tag` is `Stdio`, `Http` or `Sse`. */
export type Endpoint = StdioEndpoint | HttpEndpoint | SseEndpoint

/** How a process is started. Only `command` must be said. */
export interface StdioOptions {
  readonly command: string
  /** Default: none. */
  readonly args?: ReadonlyArray<string> | undefined
  /** Default: the runtime's own. */
  readonly cwd?: string | undefined
  /** Default: none. Plain strings are redacted here. */
  readonly env?: Readonly<Record<string, string | Redacted.Redacted>> | undefined
  /** Default: false, only an allow-list of the runtime's environment is handed down. */
  readonly inheritEnv?: boolean | undefined
  /** Default: none. Values of the command, the arguments or the url to be kept out of every message. Not part of the key. */
  readonly secrets?: ReadonlyArray<string | Redacted.Redacted> | undefined
  /** Opens its link in a way of its own, such as through another program. Default: the way of its kind. Not part of the key. */
  readonly open?: OpenOwnLink | undefined
}

/** Where a server of HTTP+SSE is, and what it is sent. Only `url` must be said. */
export interface SseOptions {
  readonly url: string | URL
  /** Default: none. Plain strings are redacted here. */
  readonly headers?: Readonly<Record<string, string | Redacted.Redacted>> | undefined
  /** Where credentials come from: `OAuth.make`, `OAuth.fromTokens` or your own. Default: none. */
  readonly authorizer?: HttpAuthorizer | undefined
  /** Default: none. Values of the command, the arguments or the url to be kept out of every message. Not part of the key. */
  readonly secrets?: ReadonlyArray<string | Redacted.Redacted> | undefined
  /** Opens its link in a way of its own, such as through another program. Default: the way of its kind. Not part of the key. */
  readonly open?: OpenOwnLink | undefined
}

/** Where a server of Streamable HTTP is, what it is sent, and how its session is kept. Only `url` must be said. */
export interface HttpOptions extends SseOptions {
  /**
   * Asks for the server's own stream after a legacy handshake: what the server says of its own accord comes over it. Default: true.
   */
  readonly push?: boolean | undefined
  /**
   * How long the DELETE that ends a session may take when a connection closes. No longer than the policy's `closeTimeout`, or the
   * pool goes on without it. Default: 2 seconds.
   */
  readonly sessionEndTimeout?: Duration.Input | undefined
  /**
   * Whether a response means that the server has forgotten the session, as a function or as signs: see `HttpLinkOptions`. It has no
   * place in the endpoint's key: endpoints that differ in nothing else share connections. Default: `HttpLink.isSessionLost`, which
   * knows 404 and any refusal that says so.
   */
  readonly isSessionLost?: SessionLostClassifier | SessionSigns | undefined
}

/** A stdio endpoint from what must be said about it. */
const stdio = (options: StdioOptions): StdioEndpoint =>
  new StdioEndpoint({
    command: options.command,
    args: options.args ?? [],
    cwd: options.cwd,
    env: asRedacted(options.env),
    inheritEnv: options.inheritEnv ?? false,
    secrets: allRedacted(options.secrets),
    open: options.open
  })

/** A Streamable HTTP endpoint from its url. An ill-formed url fails when connecting, as `Unreachable`. */
const http = (options: HttpOptions): HttpEndpoint =>
  new HttpEndpoint({
    ...httpParts(options),
    push: options.push ?? true,
    sessionEndTimeout: Duration.millis(
      millisOf("sessionEndTimeout", options.sessionEndTimeout ?? defaultSessionEndTimeout)
    ),
    isSessionLost: options.isSessionLost
  })

/** A legacy HTTP+SSE endpoint from the url of its event stream. */
const sse = (options: SseOptions): SseEndpoint => new SseEndpoint(httpParts(options))

/** The endpoint in one line, for messages: the command line, or the url without credentials and query; without secrets. */
const describe = (endpoint: Endpoint): string => {
  const redact = redactSecrets.make(endpoint.secrets.map((secret) => String(Redacted.value(secret))))
  if (endpoint._tag === "Stdio") return redact([endpoint.command, ...endpoint.args].join(" "))
  if (!URL.canParse(endpoint.url)) return "an ill-formed url"
  const url = new URL(endpoint.url)
  return redact(`${url.protocol}//${url.host}${url.pathname}`)
}

/** Constructors and views of endpoints. */
export const Endpoint = { stdio, http, sse, describe } as const

const defaultSessionEndTimeout = "2 seconds"

const httpParts = ({ authorizer, headers, open, secrets, url }: SseOptions) => ({
  url: String(url),
  headers: asRedacted(headers),
  authorizer,
  secrets: allRedacted(secrets),
  open
})

const allRedacted = (values: ReadonlyArray<string | Redacted.Redacted> = []): ReadonlyArray<Redacted.Redacted> =>
  values.map((value) => typeof value === "string" ? Redacted.make(value) : value)

const asRedacted = (
  values: Readonly<Record<string, string | Redacted.Redacted>> = {}
): Record<string, Redacted.Redacted> =>
  Object.fromEntries(
    Object.entries(values).map((
      [name, value]
    ) => [name, typeof value === "string" ? Redacted.make(value, { label: name }) : value])
  )
