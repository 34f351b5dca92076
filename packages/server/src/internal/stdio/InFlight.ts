/** How many requests of one client wait for their answers, in either era. */
import type * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"

export class InFlight {
  #count = 0
  readonly #isQuiet = Latch.makeUnsafe(true)

  /** One more, until what is returned is called. Calling it again does nothing. */
  hold(): () => void {
    if (this.#count++ === 0) this.#isQuiet.closeUnsafe()
    let isHeld = true
    return () => {
      if (!isHeld) return
      isHeld = false
      if (--this.#count === 0) this.#isQuiet.openUnsafe()
    }
  }

  /** Waits until there is none. */
  readonly quiet: Effect.Effect<void> = this.#isQuiet.await
}
