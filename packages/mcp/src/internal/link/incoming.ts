/** What comes in over a link, frame by frame: a batch is nothing but its elements, and what is no text is as malformed as nonsense. */
import * as JsonRpc from "@holdfast/protocol/JsonRpc"
import type { LineFault } from "@holdfast/protocol/LineFraming"

/** The messages of a frame: a batch is its elements. */
export const messagesOf = (frame: JsonRpc.Frame): ReadonlyArray<JsonRpc.Incoming | JsonRpc.Malformed> =>
  frame._tag === "Batch" ? frame.frames : [frame]

/** What is known of a message longer than is accepted: its length in bytes, its first and its last characters. */
export interface LongMessage {
  readonly bytes: number
  readonly head: string
  readonly tail: string
}

/** With the call it answers, where that shows. */
export const tooLong = ({ bytes, head, tail }: LongMessage): JsonRpc.Malformed =>
  JsonRpc.malformed(`a message of ${bytes} bytes, which is too long`, head, JsonRpc.seekAnswerId(head, tail))

/** A line that could not be handed out as text. */
export const faulty = (fault: LineFault): JsonRpc.Malformed => {
  const { head, tail } = fault
  switch (fault._tag) {
    case "TooLong":
      return tooLong(fault)
    case "NotUtf8":
      return JsonRpc.malformed("not UTF-8", head, JsonRpc.seekAnswerId(head, tail))
    case "Unfinished":
      // Its end is no end of a message, so no id is to be found there.
      return JsonRpc.malformed("the output ended in the middle of a line", head)
  }
}
