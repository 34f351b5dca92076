/**
 * The daemon as the server of a shim: one session over lines, greeted in the host's own words. Pure, as `HostSession` is.
 */
import { isOurs } from "./DeliveryError.ts"
import { Greeter } from "./Greeter.ts"
import type { Loss, Opening, Upstream } from "./HostSession.ts"
import * as RawMessage from "./RawMessage.ts"

export interface DaemonUpstreamOptions {
  readonly initialize: RawMessage.RawMessage | undefined
  readonly opening: Opening
  /** Gives the daemon a line, without its end. What is written to a socket may have arrived. */
  readonly toDaemon: (text: string) => void
  readonly close: () => void
}

/** What a connection to the daemon brings. */
export interface DaemonLines {
  readonly onLine: (text: string) => void
  readonly onLost: (loss: Loss) => void
}

/** Begins a session on a connection that is there. */
export const begin = ({ close, initialize, opening, toDaemon }: DaemonUpstreamOptions): DaemonLines => {
  const upstream = (greeting: RawMessage.RawMessage | undefined): Upstream => ({
    greeting,
    send: (message, onHandOff) => {
      // First: writing may lose the connection.
      onHandOff()
      toDaemon(message.text)
    },
    close
  })
  const greeter = initialize && new Greeter({
    question: initialize,
    toServer: toDaemon,
    onGreeted: (greeting) => opening.onOpen(upstream(greeting)),
    onRefused: (refusal) => {
      const { code, message } = RawMessage.membersOf(refusal.value["error"])
      const said = isOurs(refusal) ? String(message) : `the server refused initialize: ${message} (code ${code})`
      opening.onLost({ reason: "HandshakeFailed", message: said, refusal })
      close()
    }
  })
  if (greeter === undefined) opening.onOpen(upstream(undefined))
  else greeter.begin()
  return {
    onLine: (text) => {
      if (greeter !== undefined && !greeter.isOver) return greeter.serverSaid(text)
      const messages = RawMessage.read(text)
      if (typeof messages !== "string") { for (const message of messages) opening.onMessage(message) }
    },
    onLost: opening.onLost
  }
}
