/**
 * Many changes, one drawing: what is asked for again before the next frame is drawn once.
 */

/** Draws at the next frame, however often it is asked for. `nextFrame` is the browser's, or a test's. */
export const coalesced = (nextFrame: (draw: () => void) => void, draw: () => void): () => void => {
  let isAsked = false
  return () => {
    if (isAsked) return
    isAsked = true
    nextFrame(() => {
      isAsked = false
      draw()
    })
  }
}
