/** Bytes on a socket, for what no client library would say. */
import * as Effect from "effect/Effect"
import * as net from "node:net"

export interface Said {
  /** 0: the server has closed the connection without an answer. */
  readonly status: number
  readonly text: string
}

/** Says these bytes, and waits for the head of an answer or for the end. `parts` are sent one after another. */
export const converse = (
  port: number,
  parts: string | Iterable<string>,
  host = "127.0.0.1",
  localAddress?: string
): Effect.Effect<Said> =>
  Effect.callback<Said>((resume) => {
    let text = ""
    const end = (): void => {
      socket.destroy()
      resume(Effect.succeed({ status: Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? 0), text }))
    }
    const socket = net.connect({ port, host, ...(localAddress !== undefined && { localAddress }) }, () => {
      for (const part of typeof parts === "string" ? [parts] : parts) socket.write(part, "latin1")
    })
    socket.setEncoding("latin1").on("data", (more: string) => {
      text += more
      if (text.includes("\r\n\r\n")) end()
    })
    socket.once("error", end).once("close", end)
    return Effect.sync(() => socket.destroy())
  })

/** A request with exactly these lines for headers. */
export const request = (method: string, target: string, headers: ReadonlyArray<string>, body = ""): string =>
  [`${method} ${target} HTTP/1.1`, ...headers, "", body].join("\r\n")
