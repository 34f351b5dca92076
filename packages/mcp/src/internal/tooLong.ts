/** A message longer than is accepted, for whoever receives messages: with the call it answers, where that shows. */
import * as JsonRpc from "@holdfast/protocol/JsonRpc"

/** What is known of it: its length in bytes, its first and its last characters. */
export interface LongMessage {
  readonly bytes: number
  readonly head: string
  readonly tail: string
}

export const tooLong = ({ bytes, head, tail }: LongMessage): JsonRpc.Malformed =>
  JsonRpc.malformed(`a message of ${bytes} bytes, which is too long`, head, JsonRpc.seekAnswerId(head, tail))
