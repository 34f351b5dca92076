/**
 * The last items of what goes on and on, numbered, for readers and for followers.
 *
 * Plain and synchronous: adding costs hardly anything while there is no follower.
 */

export interface FeedOptions<A> {
  /** So many are kept. */
  readonly most: number
  /** Of one item. Default: 0. */
  readonly sizeOf?: ((item: A) => number) | undefined
  /** So much of it is kept in all. Default: no limit. */
  readonly mostSize?: number | undefined
}

export interface Numbered<A> {
  readonly seq: number
  readonly item: A
}

export class Feed<A> {
  readonly #options: FeedOptions<A>
  readonly #items: Array<Numbered<A>> = []
  readonly #followers = new Set<(numbered: Numbered<A>) => void>()
  #seq = 0
  #size = 0

  constructor(options: FeedOptions<A>) {
    this.#options = options
  }

  /** Adds an item, which may hold its number. Numbers begin with 1. */
  add(make: (seq: number) => A): void {
    const { most, mostSize = Number.POSITIVE_INFINITY, sizeOf } = this.#options
    const numbered = { seq: ++this.#seq, item: make(this.#seq) }
    this.#items.push(numbered)
    this.#size += sizeOf?.(numbered.item) ?? 0
    while (this.#items.length > most || (this.#size > mostSize && this.#items.length > 1)) {
      const oldest = this.#items.shift()
      if (oldest !== undefined) this.#size -= sizeOf?.(oldest.item) ?? 0
    }
    for (const tell of [...this.#followers]) tell(numbered)
  }

  get items(): ReadonlyArray<A> {
    return this.#items.map(({ item }) => item)
  }

  /** Tells what comes, and before that what is still known after the number. Returns what ends it. */
  follow(after: number | undefined, tell: (numbered: Numbered<A>) => void): () => void {
    if (after !== undefined) { for (const each of this.#items.filter(({ seq }) => seq > after)) tell(each) }
    this.#followers.add(tell)
    return () => void this.#followers.delete(tell)
  }
}
