/** Hands over the messages of a frame one by one: a batch is nothing but its elements. */
import type * as JsonRpc from "@holdfast/protocol/JsonRpc"

export const unbatch = (
  frame: JsonRpc.Frame,
  receive: (frame: JsonRpc.Incoming | JsonRpc.Malformed) => void
): void => {
  if (frame._tag !== "Batch") return receive(frame)
  for (const element of frame.frames) receive(element)
}
