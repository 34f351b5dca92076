/**
 * A session of a daemon that has made way for a newer one: its server is that one from now on.
 */
import * as LineFraming from "@holdfast/protocol/LineFraming"
import * as Effect from "effect/Effect"
import { isNativeError } from "node:util/types"
import type { DaemonConnection } from "../DaemonClient.ts"
import { DaemonRefusal } from "../DaemonRefusal.ts"
import * as DaemonUpstream from "../DaemonUpstream.ts"
import type { Loss, Opening } from "../HostSession.ts"
import type * as RawMessage from "../RawMessage.ts"
import * as SocketLines from "./socketLines.ts"

/** Opens a session there, and passes on until one of the sides has ended. */
export const passOn = (
  connect: () => Promise<DaemonConnection>,
  initialize: RawMessage.RawMessage | undefined,
  opening: Opening
): Effect.Effect<void> =>
  Effect.acquireUseRelease(
    Effect.tryPromise({ try: connect, catch: lossOf }),
    ({ socket }) =>
      Effect.callback<void>((resume) => {
        const framing = LineFraming.make({
          onLine: (line) => lines.onLine(line),
          onFault: () => socket.destroy()
        })
        socket.on("data", (chunk: Buffer) => framing.push(chunk)).once("close", () => {
          lines.onLost({ reason: "ConnectionLost", message: "the daemon has ended" })
          resume(Effect.void)
        })
        const lines = DaemonUpstream.begin({
          initialize,
          opening,
          toDaemon: (text) => SocketLines.write(socket, `${text}\n`),
          close: () => void socket.end()
        })
        socket.resume()
      }),
    ({ socket }) => Effect.sync(() => void socket.destroy())
  ).pipe(Effect.catch((loss) => Effect.sync(() => opening.onLost(loss))))

const lossOf = (error: unknown): Loss => ({
  reason: error instanceof DaemonRefusal ? error.code : "NotStarted",
  message: isNativeError(error) ? error.message : String(error)
})
