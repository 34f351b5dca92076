import * as NodeSocket from "@effect/platform-node/NodeSocket"
import type { Connector } from "@holdfast/core"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Socket from "effect/socket/Socket"
import * as Stream from "effect/Stream"

/** Where a dictionary is. */
export interface Address {
  readonly host: string
  readonly port: number
}

/** One connection: a question a line, an answer a line, one after the other. */
export interface LineConnection {
  readonly ask: (line: string) => Effect.Effect<string, Socket.SocketError>
}

/** All that the pool has to know of the protocol. */
export const connector: Connector.Connector<Address, LineConnection, Socket.SocketError> = {
  // Equal texts share connections.
  fingerprint: ({ host, port }) => `${host}:${port}`,
  // A server that is not there is no crash: it is dialled for as long as it takes. What had been open and broke is dialled again, too.
  classify: ({ reason }) => reason._tag === "SocketOpenError" ? "unavailable" : "retryable",
  // Whatever is acquired here lives in the Scope of the connection.
  dial: Effect.fnUntraced(function*(address) {
    const socket = yield* NodeSocket.makeNet(address)
    const pull = yield* Socket.readerString(socket)
    const writer = yield* socket.writer
    const answers = yield* Queue.unbounded<string>()
    const closed = yield* Deferred.make<Socket.SocketError>()
    yield* Stream.fromPull(Effect.succeed(pull)).pipe(
      Stream.splitLines,
      Stream.runForEach((line) => Queue.offer(answers, line)),
      Effect.catch((error) => Deferred.succeed(closed, error)),
      Effect.forkScoped
    )
    const lost = Effect.flatMap(Deferred.await(closed), Effect.fail)
    const left = new Socket.SocketError({ reason: new Socket.SocketCloseError({ code: 1000 }) })
    return {
      value: {
        ask: (line) =>
          Effect.andThen(writer.write(`${line}\n`), Queue.take(answers)).pipe(
            Effect.raceFirst(lost),
            // The answer to a caller that has left would be read by the next one: the connection ends with the caller.
            Effect.onInterrupt(() => Deferred.succeed(closed, left))
          )
      },
      closed: Deferred.await(closed)
    }
  })
}
