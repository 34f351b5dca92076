/** A caller's function between us and the server: what it throws is its own, and what it promises and breaks as well. */

/**
 * The same, but what goes wrong in it is told to `onFailure`, once. An `async` function passes for one that returns nothing, and its
 * rejection would end the program.
 */
export const guardedListener = <A>(listener: (value: A) => void, onFailure: (error: unknown) => void) => {
  let hasFailed = false
  const fail = (error: unknown): void => {
    if (hasFailed) return
    hasFailed = true
    onFailure(error)
  }
  return (value: A): void => {
    try {
      const returned: unknown = listener(value)
      if (isThenable(returned)) returned.then(undefined, fail)
    } catch (error) {
      fail(error)
    }
  }
}

const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  typeof value === "object" && value !== null && "then" in value && typeof value.then === "function"
