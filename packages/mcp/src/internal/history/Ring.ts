/** The last so many of something: adding takes the place of the oldest. */
export class Ring<A> {
  readonly #items: Array<A> = []
  readonly #most: number
  #next = 0

  constructor(most: number) {
    this.#most = most
  }

  add(item: A): void {
    this.#items[this.#next] = item
    this.#next = this.#next + 1 === this.#most ? 0 : this.#next + 1
  }

  /** The newest last. */
  toArray(): ReadonlyArray<A> {
    return [...this.#items.slice(this.#next), ...this.#items.slice(0, this.#next)]
  }
}
