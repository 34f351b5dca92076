/**
 * The listeners of a link: its receiver, and the owners of its frames. What one of them throws harms no other, and
 * not the link.
 */
import type * as JsonRpc from "@holdfast/protocol/JsonRpc"
import type { LinkClosed, LinkFailure, LinkReceiver, Outbound } from "../../Link.ts"
import type { Boundary } from "./Boundary.ts"

export class Audience {
  readonly #receiver: LinkReceiver
  readonly boundary: Boundary

  constructor(receiver: LinkReceiver, boundary: Boundary) {
    this.#receiver = receiver
    this.boundary = boundary
  }

  received(frame: JsonRpc.Incoming | JsonRpc.Malformed, size?: number): void {
    try {
      if (frame._tag === "Malformed") this.#receiver.onMalformed(frame, size)
      else this.#receiver.onMessage(frame, size)
    } catch (error) {
      this.boundary.report("the receiver of a message", error)
    }
  }

  /** A line that is passed on unread. */
  line(receive: (line: string) => void, line: string): void {
    try {
      receive(line)
    } catch (error) {
      this.boundary.report("the receiver of a line", error)
    }
  }

  closed(reason: LinkClosed): void {
    try {
      this.#receiver.onClosed(reason)
    } catch (error) {
      this.boundary.report("the receiver of the end", error)
    }
  }

  queued(outbound: Outbound): void {
    try {
      outbound.onQueued?.()
    } catch (error) {
      this.boundary.report("the owner of a frame that waits", error)
    }
  }

  /** Given to the operating system. A frame that gets no answer is done with it, where the link cannot know more. */
  handedOff(outbound: Outbound): void {
    try {
      outbound.onHandOff()
    } catch (error) {
      this.boundary.report("the owner of a frame that was handed over", error)
    }
  }

  sent(outbound: Outbound): void {
    try {
      outbound.onSent()
    } catch (error) {
      this.boundary.report("the owner of a frame that was sent", error)
    }
  }

  failed(outbound: Outbound, failure: LinkFailure): void {
    try {
      outbound.onFailure(failure)
    } catch (error) {
      this.boundary.report("the owner of a frame that failed", error)
    }
  }
}
