/** Tells the server that the session is over, as far as it wants to know: it may refuse (405), be gone, or be slow. */
import * as Effect from "effect/Effect"
import type { Dispatcher } from "undici"

/** Done when the server has answered, whatever it answered. Interruptible. */
export const endSession = (send: (handler: Dispatcher.DispatchHandler) => void): Effect.Effect<void> =>
  Effect.callback<void>((resume) => {
    let controller: Dispatcher.DispatchController | undefined
    const done = (): void => resume(Effect.void)
    send({
      onRequestStart: (started) => {
        controller = started
      },
      // What it says does not matter any more, nor how much it says.
      onResponseStart: done,
      onResponseData: () => {},
      onResponseEnd: done,
      onResponseError: done
    })
    return Effect.sync(() => controller?.abort(new Error("the server takes too long")))
  })
