/**
 * The order of waiting sessions, fair by program: each program that waits has a turn before one has its second, however many of it wait. Within a
 * program it is first come, first served.
 */

export class Turns<A> {
  /** In the order of their turns. */
  readonly #waiting = new Map<string, Set<A>>()

  /** Waits. What it returns gives up. */
  add(program: string, one: A): () => void {
    const own = this.#waiting.get(program) ?? new Set()
    this.#waiting.set(program, own.add(one))
    return () => {
      own.delete(one)
      if (own.size === 0 && this.#waiting.get(program) === own) this.#waiting.delete(program)
    }
  }

  get size(): number {
    return [...this.#waiting.values()].reduce((sum, { size }) => sum + size, 0)
  }

  /** Takes the next one out. */
  next(): A | undefined {
    const [first] = this.#waiting
    if (first === undefined) return undefined
    const [program, own] = first
    const [one] = own
    this.#waiting.delete(program)
    if (one === undefined) return undefined
    own.delete(one)
    if (own.size > 0) this.#waiting.set(program, own)
    return one
  }
}
