/**
 * Wraps the platform: a client's socket as lines.
 */
import * as LineFraming from "@holdfast/protocol/LineFraming"
import type { Lines } from "@holdfast/server/StdioHost"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as net from "node:net"

/** A client that lets more than this pile up does not read: it would fill the memory. */
const maxWaitingBytes = LineFraming.defaultMaxLineBytes

/** The socket as a host of `@holdfast/server` wants it. */
export const make = (socket: net.Socket): Effect.Effect<Lines> =>
  Effect.sync(() => {
    const ended = Deferred.makeUnsafe<"stdin ended" | "stdout broke">()
    const end = (why: "stdin ended" | "stdout broke"): void => void Deferred.doneUnsafe(ended, Effect.succeed(why))
    socket.once("close", () => end("stdout broke"))
    return {
      read: ({ onFault, onLine }) =>
        Effect.asVoid(Effect.acquireRelease(
          Effect.sync(() => {
            const framing = LineFraming.make({ onLine, onFault: (fault) => onFault(fault._tag) })
            const onData = (chunk: Buffer): void => framing.push(chunk)
            const onEnd = (): void => {
              framing.end()
              end("stdin ended")
            }
            socket.on("data", onData).once("end", onEnd).resume()
            return () => void socket.off("data", onData).off("end", onEnd).pause()
          }),
          (stop) => Effect.sync(stop)
        )),
      write: (text) => write(socket, text),
      ended: Deferred.await(ended),
      flushed: Effect.callback((resume) => {
        if (!socket.writable) return resume(Effect.void)
        socket.write("", () => resume(Effect.void))
      })
    }
  })

/** Writes, unless the client has stopped reading: then it is cut off. */
export const write = (socket: net.Socket, text: string): void => {
  if (socket.writableLength > maxWaitingBytes) return void socket.destroy()
  if (socket.writable) socket.write(text)
}
