/**
 * Wraps the platform: the first line of a client, before it is known what it wants.
 */
import * as Effect from "effect/Effect"
import type * as net from "node:net"

/** An environment may be long; nothing else in this line is. */
const maxBytes = 4 * 1024 * 1024

/** Reads up to the first line end and leaves the socket paused there. Undefined: the client went, or said too much. */
export const firstLine = (socket: net.Socket): Effect.Effect<string | undefined> =>
  Effect.callback((resume) => {
    let chunks: Array<Buffer> = []
    let length = 0
    const finish = (line: string | undefined): void => {
      socket.off("data", onData).off("close", onClose).pause()
      resume(Effect.succeed(line))
    }
    const onData = (chunk: Buffer): void => {
      const end = chunk.indexOf(10)
      const part = end < 0 ? chunk : chunk.subarray(0, end)
      chunks.push(part)
      length += part.length
      if (length > maxBytes) return finish(undefined)
      if (end < 0) return
      const line = Buffer.concat(chunks).toString("utf8")
      chunks = []
      finish(line)
      if (end + 1 < chunk.length) socket.unshift(chunk.subarray(end + 1))
    }
    const onClose = (): void => finish(undefined)
    socket.on("data", onData).once("close", onClose)
    return Effect.sync(() => {
      socket.off("data", onData).off("close", onClose)
    })
  })
