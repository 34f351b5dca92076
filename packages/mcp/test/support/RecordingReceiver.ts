/** A link's other side that only takes notes. */
import type { LinkClosed, LinkFailure, LinkReceiver, Outbound } from "@holdfast/mcp/Link"
import type * as JsonRpc from "@holdfast/protocol/JsonRpc"

export class RecordingReceiver implements LinkReceiver {
  readonly messages: Array<JsonRpc.Incoming> = []
  readonly malformed: Array<JsonRpc.Malformed> = []
  readonly closings: Array<LinkClosed> = []
  /** What arrived after the link was closed: must stay empty. */
  readonly tooLate: Array<unknown> = []

  onMessage(message: JsonRpc.Incoming): void {
    if (this.closings.length > 0) this.tooLate.push(message)
    this.messages.push(message)
  }

  onMalformed(frame: JsonRpc.Malformed): void {
    if (this.closings.length > 0) this.tooLate.push(frame)
    this.malformed.push(frame)
  }

  onClosed(closed: LinkClosed): void {
    this.closings.push(closed)
  }

  answerTo(id: JsonRpc.RequestId): JsonRpc.Success | JsonRpc.Failure | undefined {
    for (const message of this.messages) {
      if ((message._tag === "Success" || message._tag === "Failure") && message.id === id) return message
    }
    return undefined
  }
}

/** A frame that remembers its fate. */
export class RecordingOutbound implements Outbound {
  readonly id: JsonRpc.RequestId | undefined
  readonly method: string
  readonly text: string
  handOffs = 0
  sent = 0
  readonly failures: Array<LinkFailure> = []

  constructor(id: JsonRpc.RequestId | undefined, method: string, params: object = {}) {
    this.id = id
    this.method = method
    this.text = JSON.stringify({ jsonrpc: "2.0", id, method, params })
  }

  onHandOff(): void {
    this.handOffs++
  }

  onSent(): void {
    this.sent++
  }

  onFailure(failure: LinkFailure): void {
    this.failures.push(failure)
  }
}
