/**
 * Calls in flight by their ids: a hash table with open addressing, for whole numbers.
 *
 * Not a `Map`: a Map that things go through is rebuilt every so often, and V8 lets the old table point to the new one. An old table that
 * has grown old, and is dead, so keeps the next alive, and that the one after it, with all that they held: every call is copied by the
 * collector until its next full run. Measured with 64 calls at once over a pipe: 110 000 calls a second with a Map, 180 000 without.
 */

const empty = -1

export class CallTable<Call> {
  #keys: Array<number>
  #calls: Array<Call | undefined>
  #mask: number
  #size = 0

  constructor(capacity = 64) {
    this.#keys = Array.from({ length: capacity }, () => empty)
    this.#calls = Array.from({ length: capacity })
    this.#mask = capacity - 1
  }

  get size(): number {
    return this.#size
  }

  /** `id`: a whole number from 0 on. */
  get(id: number): Call | undefined {
    const index = this.#find(id)
    return this.#keys[index] === id ? this.#calls[index] : undefined
  }

  set(id: number, call: Call): void {
    // At most half full: the next free place is never far.
    if (this.#size * 2 > this.#mask) this.#grow()
    const index = this.#find(id)
    if (this.#keys[index] !== id) this.#size++
    this.#keys[index] = id
    this.#calls[index] = call
  }

  delete(id: number): boolean {
    let hole = this.#find(id)
    if (id < 0 || this.#keys[hole] !== id) return false
    this.#size--
    // What has been put further than its own place moves up, or it would not be found any more.
    for (let i = (hole + 1) & this.#mask; this.#keys[i] !== empty; i = (i + 1) & this.#mask) {
      const own = this.#place(this.#keys[i] ?? 0)
      if (((i - own) & this.#mask) < ((i - hole) & this.#mask)) continue
      this.#keys[hole] = this.#keys[i] ?? empty
      this.#calls[hole] = this.#calls[i]
      hole = i
    }
    this.#keys[hole] = empty
    this.#calls[hole] = undefined
    return true
  }

  /** As they are now, in no particular order. */
  values(): ReadonlyArray<Call> {
    return this.#calls.filter((call) => call !== undefined)
  }

  /** Where it is, or would be put. */
  #find(id: number): number {
    let index = this.#place(id)
    while (this.#keys[index] !== empty && this.#keys[index] !== id) index = (index + 1) & this.#mask
    return index
  }

  /** Ids that follow each other are put far apart: side by side, to take one away would be to look at all that come after it. */
  #place(id: number): number {
    return Math.imul(id, 0x9e3779b1) & this.#mask
  }

  #grow(): void {
    const larger = new CallTable<Call>((this.#mask + 1) * 2)
    for (const [index, call] of this.#calls.entries()) if (call !== undefined) larger.set(this.#keys[index] ?? 0, call)
    this.#keys = larger.#keys
    this.#calls = larger.#calls
    this.#mask = larger.#mask
  }
}
