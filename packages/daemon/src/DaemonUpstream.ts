/**
 * The daemon as the server of a shim: one session over lines, greeted in the host's own words. Pure, as `HostSession` is.
 */
import { isOurs } from "./DeliveryError.ts"
import { Greeter } from "./Greeter.ts"
import { movedLine } from "./Hello.ts"
import type { Loss, Opening, Upstream } from "./HostSession.ts"
import * as RawMessage from "./RawMessage.ts"

/** A session of a host, and the connection that it is to have. */
export interface DaemonUpstreamOptions {
  readonly initialize: RawMessage.RawMessage | undefined
  readonly opening: Opening
  /** Gives the daemon a line, without its end. What is written to a socket may have arrived. */
  readonly toDaemon: (text: string) => void
  /** Ends the connection. Called when the session does not need it any more, and when the server has refused the greeting. */
  readonly close: () => void
  /** Another daemon is to be asked from now on: see `Hello.movedLine`. Default: that is not said to this client. */
  readonly onMoved?: (() => void) | undefined
}

/** What a connection to the daemon brings. */
export interface DaemonLines {
  /** Takes a line of the daemon, without its end. A line that is no message is dropped. */
  readonly onLine: (text: string) => void
  /** Takes the end of the connection, with its reason: the session learns it. */
  readonly onLost: (loss: Loss) => void
}

/** Begins a session on a connection that is there. */
export const begin = ({ close, initialize, onMoved, opening, toDaemon }: DaemonUpstreamOptions): DaemonLines => {
  let isMoved = false
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
    onGreeted: (greeting) => {
      opening.onOpen(upstream(greeting))
      if (isMoved) onMoved?.()
    },
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
      const isGreeting = greeter !== undefined && !greeter.isOver
      if (text === movedLine && onMoved !== undefined) {
        isMoved = true
        return isGreeting ? undefined : onMoved()
      }
      if (isGreeting) return greeter.serverSaid(text)
      const messages = RawMessage.read(text)
      if (typeof messages !== "string") { for (const message of messages) opening.onMessage(message) }
    },
    onLost: opening.onLost
  }
}
