/** What a cause says, whatever it is: a cause comes from a stranger, and reading it must not fail. */
export const wordsOf = (cause: unknown): string => {
  try {
    // By its shape: an error of another realm (a test runner's, a worker's) is no instance of this one's Error.
    return String(typeof cause === "object" && cause !== null && "message" in cause ? cause.message : cause)
  } catch {
    return "a cause that cannot be shown"
  }
}
