/**
 * Wraps the platform: Node's HTTP server with the limits and the end that it does not have by itself.
 *
 * A connection may be idle for longer than a balancer keeps it, whether it was used already or opened beforehand: a request on a connection
 * that the server is just closing is lost. A client that has begun a request has five seconds for its headers and fifteen for its body, so
 * that many slow ones cannot hold the sockets of all others; a response may take for ever. In the end responses are let out, and then every
 * connection is closed: Node waits for those that a client keeps for later.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as http from "node:http"
import type { Socket } from "node:net"
import { McpServerError, ServerOptionInvalid } from "../../McpServerError.ts"

export interface NodeServer {
  readonly server: http.Server
  /** Waits until no response is on its way. */
  readonly flushed: Effect.Effect<void>
  readonly closeConnections: Effect.Effect<void>
}

/** Longer than AWS' and nginx' balancers keep an unused connection: both a minute. */
export const defaultKeepAliveTimeout = "75 seconds"

/** Fails with `ServerOptionInvalid`. */
export const make = Effect.fnUntraced(function*(
  keepAliveTimeout: Duration.Input = defaultKeepAliveTimeout
): Effect.fn.Return<NodeServer, McpServerError, Scope.Scope> {
  const idle = Duration.toMillis(Duration.fromInputUnsafe(keepAliveTimeout))
  if (!(idle >= 1 && idle <= longestTimer)) {
    const reason = new ServerOptionInvalid({
      option: "keepAliveTimeout",
      expected: "1 ms to 24 days",
      actual: `${idle} ms`
    })
    return yield* new McpServerError({ reason })
  }
  // Both count from the opening of a connection on, and not from the first byte.
  const first = Math.min(idle + 1000, longestTimer)
  const server = http.createServer({
    keepAliveTimeout: idle,
    headersTimeout: first,
    requestTimeout: first,
    connectionsCheckingInterval: 1000,
    maxHeaderSize: 16 * 1024,
    // The guard answers it, as everything that it does not let past.
    requireHostHeader: false,
    // Effect listens for upgrades, and then Node lets go of the socket and reads no body: such a request would not have its body, and
    // what is not read of it would keep the socket, and with it the server that is to close, for ever.
    shouldUpgradeCallback: () => false
  })
  const responses = makeResponses()
  server.on("request", (_, response: http.ServerResponse) => responses.add(response))
  yield* sendSlowAway(server)
  return {
    server,
    flushed: responses.flushed,
    closeConnections: Effect.sync(() => server.closeAllConnections())
  }
})

/** Of Node's timers, in milliseconds. */
const longestTimer = 2 ** 31 - 1

const mostForHead = 5000
const mostForBody = 15_000

/** What a client is at. */
interface Connection {
  /** Bytes that were read when nothing of a request was open. */
  read: number
  /** Since when a request is being said; undefined: none is. */
  since: number | undefined
  request: http.IncomingMessage | undefined
  response: http.ServerResponse | undefined
}

/** Nothing of a request is open. */
const rest = (socket: Socket, connection: Connection): void => {
  connection.request = undefined
  connection.response = undefined
  connection.since = undefined
  connection.read = socket.bytesRead
}

const sendSlowAway = Effect.fnUntraced(function*(server: http.Server): Effect.fn.Return<void, never, Scope.Scope> {
  const clock = yield* Clock.Clock
  const now = (): number => Number(clock.monotonicTimeNanosUnsafe()) / 1e6
  const connections = new Map<Socket, Connection>()
  server.on("connection", (socket: Socket) => {
    connections.set(socket, { read: 0, since: undefined, request: undefined, response: undefined })
    socket.once("close", () => connections.delete(socket))
  })
  server.on("request", (request: http.IncomingMessage, response: http.ServerResponse) => {
    const { socket } = request
    const connection = connections.get(socket)
    if (connection === undefined) return
    connection.request = request
    connection.response = response
    connection.since = now()
    response.once("close", () => {
      // The next one may be there already; and of one that was answered early the rest may be still to come.
      if (connection.request === request && request.complete) rest(socket, connection)
    })
  })
  const isSlow = (socket: Socket, connection: Connection): boolean => {
    const { read, request, response, since } = connection
    if (request !== undefined) {
      if (!request.complete) return now() - (since ?? now()) > mostForBody
      if (response?.closed === true) rest(socket, connection)
      return false
    }
    if (socket.bytesRead === read) return false
    connection.since ??= now()
    return now() - connection.since > mostForHead
  }
  yield* Effect.sleep("1 second").pipe(
    Effect.andThen(Effect.sync(() => {
      for (const [socket, connection] of connections) if (isSlow(socket, connection)) sendAway(socket, connection)
    })),
    Effect.forever,
    Effect.forkScoped
  )
})

/** As Node does it. An answer that has begun is cut off: whatever is said into it would be taken for more of it. */
const sendAway = (socket: Socket, { request }: Connection): void => {
  if (request === undefined) socket.write("HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n")
  socket.destroySoon()
}

export interface Responses {
  readonly add: (response: http.ServerResponse) => void
  /** Waits until none of them is on its way. */
  readonly flushed: Effect.Effect<void>
}

/** Responses that are on their way. */
export const makeResponses = (): Responses => {
  let open = 0
  const waiting = new Set<() => void>()
  return {
    add: (response) => {
      open++
      response.once("close", () => {
        open--
        if (open === 0) { for (const done of [...waiting]) done() }
      })
    },
    flushed: Effect.callback<void>((resume) => {
      if (open === 0) return resume(Effect.void)
      const done = (): void => resume(Effect.void)
      waiting.add(done)
      return Effect.sync(() => void waiting.delete(done))
    })
  }
}
