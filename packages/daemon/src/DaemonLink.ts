/**
 * A server through the daemon, as a link for `@holdfast/mcp`: for programs that ask something and end.
 *
 * Promises
 * - The daemon is started if there is none. Where none can run the server is reached directly, and `onDirect` is told why, once.
 * - What the daemon knows of a lost request is what the link tells of it: one that was not carried out is sent again, one that may have
 *   run only as for any other link.
 * - A daemon that dies is a lost connection: the next one is asked.
 *
 * @example
 * ```ts
 * import * as DaemonLink from "@holdfast/daemon/DaemonLink"
 * import { Endpoint } from "@holdfast/mcp/Endpoint"
 * import * as Effect from "effect/Effect"
 *
 * // For every place that takes an endpoint, as `McpConnections.callTool` does.
 * export const endpoint = DaemonLink.through(Endpoint.stdio({ command: "npx", args: ["-y", "@modelcontextprotocol/server-everything"] }), {
 *   program: "report",
 *   onDirect: (why) => Effect.logWarning(`without the daemon: ${why}`)
 * })
 * ```
 */
import { Endpoint } from "@holdfast/mcp/Endpoint"
import type { Link, LinkClosed, LinkReceiver, OpenOwnLink, Outbound } from "@holdfast/mcp/Link"
import * as StreamLink from "@holdfast/mcp/StreamLink"
import type * as JsonRpc from "@holdfast/protocol/JsonRpc"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type { Duplex } from "node:stream"
import { isNativeError } from "node:util/types"
import * as DaemonClient from "./DaemonClient.ts"
import { errorCode, mayHaveRun } from "./DeliveryError.ts"
import type * as Hello from "./Hello.ts"

/** How a program appears to the daemon, and what it does without one. */
export interface DaemonLinkOptions {
  /** The name of the program, for the daemon's list. */
  readonly program: string
  /** The server as the daemon is to look it up itself. Default: the endpoint as it is. */
  readonly wants?: Hello.Wish | undefined
  /** `host`: a legacy server has the program alone. Default: `once`, it shares a process with others that ask something and end. */
  readonly use?: Hello.Use | undefined
  /** Told when a server is started without the daemon, with the reason. */
  readonly onDirect: (why: string) => Effect.Effect<void>
  /** What another part of the program has begun with this server already. Default: nothing. */
  readonly begun?: BegunCall | undefined
}

/** A call of a tool that was sent before there was a link. */
export interface BegunCall {
  /** The session on which it was: the first connection. Undefined: there is none any more. */
  readonly connection: Duplex | undefined
  /** Why it was lost, if it was, once: the next call of a tool is that one, and has its fate. */
  readonly takeLoss: () => string | undefined
}

/** The endpoint, reached through the daemon. One whose credentials come from this program is reached directly. */
export const through = (endpoint: Endpoint, options: DaemonLinkOptions): Endpoint =>
  endpoint._tag === "Stdio"
    ? Endpoint.stdio({ ...endpoint, open: opener(endpoint, options) })
    : endpoint.authorizer !== undefined
    ? endpoint
    : endpoint._tag === "Http"
    ? Endpoint.http({ ...endpoint, open: opener(endpoint, options) })
    : Endpoint.sse({ ...endpoint, open: opener(endpoint, options) })

const opener = (endpoint: Endpoint, options: DaemonLinkOptions): OpenOwnLink => {
  const { begun } = options
  let first = begun?.connection
  return ({ maxMessageBytes, server }, receiver, direct) => {
    const dialled = Effect.tryPromise({
      try: (signal) =>
        DaemonClient.connect({
          wants: options.wants ?? wishFor(endpoint, server),
          program: options.program,
          use: options.use ?? "once",
          signal
        }),
      catch: (error) => isNativeError(error) ? error.message : String(error)
    })
    const connected = Effect.acquireRelease(
      Effect.suspend((): Effect.Effect<{ readonly socket: Duplex }, string> => {
        const socket = first
        first = undefined
        return socket === undefined ? dialled : Effect.succeed({ socket })
      }),
      // What was written last is to arrive.
      ({ socket }) => Effect.sync(() => void socket.end()),
      { interruptible: true }
    )
    return Effect.matchEffect(connected, {
      onFailure: (why) => Effect.andThen(options.onDirect(why), direct),
      onSuccess: ({ socket }) => {
        const requests = new Requests(server, receiver, begun)
        const ended = Effect.callback<LinkClosed>((resume) => {
          socket.once(
            "close",
            () => resume(Effect.succeed({ _tag: "PipeBroken", description: "the daemon has ended" }))
          )
        })
        return Effect.map(
          StreamLink.make({
            name: server,
            input: socket,
            output: socket,
            ended,
            patience: "1 second",
            maxMessageBytes
          }, requests),
          (link): Link => {
            // Until now it had no reader.
            socket.resume()
            return { ...link, post: (outbound) => requests.post(link, outbound) }
          }
        )
      }
    })
  }
}

/** The endpoint as it is. */
const wishFor = (endpoint: Endpoint, name: string): Hello.Wish => {
  const plain = (values: Readonly<Record<string, Redacted.Redacted>>) =>
    // A value of an endpoint's is a text, redacted.
    Object.fromEntries(Object.entries(values).map(([key, value]) => [key, String(Redacted.value(value))]))
  if (endpoint._tag !== "Stdio") {
    const transport = endpoint._tag === "Sse" ? "sse" as const : "http" as const
    return { http: { url: endpoint.url, transport, headers: plain(endpoint.headers) }, name }
  }
  const { args, command, cwd, env, inheritEnv } = endpoint
  return { endpoint: { command, args, cwd, env: plain(env), inheritEnv }, name }
}

/** Knows whose answer comes, so that a loss that the daemon tells of is one of the link. */
class Requests implements LinkReceiver {
  readonly #server: string
  readonly #receiver: LinkReceiver
  readonly #open = new Map<JsonRpc.RequestId, Outbound>()

  readonly #begun: BegunCall | undefined

  constructor(server: string, receiver: LinkReceiver, begun: BegunCall | undefined) {
    this.#server = server
    this.#receiver = receiver
    this.#begun = begun
  }

  post(link: Link, outbound: Outbound): void {
    const loss = outbound.method === "tools/call" ? this.#begun?.takeLoss() : undefined
    if (loss !== undefined) {
      return outbound.onFailure({ _tag: "Lost", delivery: "Unknown", description: this.#without(loss) })
    }
    if (outbound.id !== undefined) this.#open.set(outbound.id, outbound)
    link.post(outbound)
  }

  onMessage(message: JsonRpc.Incoming): void {
    if (message._tag !== "Success" && message._tag !== "Failure" || message.id === null) {
      return this.#receiver.onMessage(message)
    }
    const outbound = this.#open.get(message.id)
    this.#open.delete(message.id)
    const delivery = message._tag === "Failure" ? deliveryIn(message.error) : undefined
    // A server that cannot be had is an answer to the handshake: there is nothing that could be sent again.
    if (outbound === undefined || delivery === undefined || message._tag === "Success" || isHandshake(outbound)) {
      return this.#receiver.onMessage(message)
    }
    outbound.onFailure({ _tag: "Lost", delivery, description: this.#without(message.error.message) })
  }

  /** Without what the caller's own message says besides. */
  #without(message: string): string {
    const said = message.endsWith(mayHaveRun) ? message.slice(0, -mayHaveRun.length) : message
    const start = `${this.#server}: connection lost: `
    return said.startsWith(start) ? said.slice(start.length) : said
  }

  onMalformed(frame: JsonRpc.Malformed): void {
    this.#receiver.onMalformed(frame)
  }

  onClosed(closed: LinkClosed): void {
    this.#open.clear()
    this.#receiver.onClosed(closed)
  }
}

const isHandshake = ({ method }: Outbound): boolean => method === "initialize" || method === "server/discover"

/** Of an error that is the daemon's own. */
const deliveryIn = ({ code, data }: JsonRpc.ErrorObject): "NotSent" | "Unknown" | undefined => {
  if (code !== errorCode.notExecuted && code !== errorCode.outcomeUnknown) return undefined
  if (typeof data !== "object" || data === null || !("delivery" in data) || !("reason" in data)) return undefined
  return data.delivery === "NotSent" || data.delivery === "Unknown" ? data.delivery : undefined
}
