/** The spy as a server in memory: the same orders as `spyStdio.ts`, without the process. */
import type { MemoryPeer } from "@holdfast/mcp/testing"
import * as Effect from "effect/Effect"
import * as spyBehaviour from "./spyBehaviour.ts"

export const serve = Effect.fnUntraced(function*(peer: MemoryPeer): Effect.fn.Return<void> {
  const spy = spyBehaviour.make()
  for (;;) {
    const frame: spyBehaviour.SpyFrame = JSON.parse(yield* peer.read)
    if (frame.method === "deaf") {
      peer.send({ jsonrpc: "2.0", id: frame.id, result: {} })
      return yield* Effect.never
    }
    spy.handle(frame, { send: peer.send, done: () => {} })
  }
})
