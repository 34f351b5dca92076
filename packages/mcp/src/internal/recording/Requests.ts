/**
 * Requests that have no answer yet, by their ids.
 *
 * Not a `Map`, for the reason that `CallTable` gives: ids of a connection come one after the other, so that nearly each has a place of its own
 * in a short array. Those that have none, and those that are texts, are in a `Map`.
 */
import type * as JsonRpc from "@holdfast/protocol/JsonRpc"

export class Requests<Request extends { readonly id: JsonRpc.RequestId | null | undefined }> {
  readonly #places: Array<Request | undefined> = Array.from({ length: places })
  readonly #others = new Map<JsonRpc.RequestId, Request>()

  add(id: JsonRpc.RequestId, request: Request): void {
    const place = typeof id === "number" ? id & (places - 1) : undefined
    if (place === undefined || this.#places[place] !== undefined) this.#others.set(id, request)
    else this.#places[place] = request
  }

  get(id: JsonRpc.RequestId): Request | undefined {
    const request = typeof id === "number" ? this.#places[id & (places - 1)] : undefined
    return request?.id === id ? request : this.#others.get(id)
  }

  /** Takes it out. */
  take(id: JsonRpc.RequestId): Request | undefined {
    const place = typeof id === "number" ? id & (places - 1) : undefined
    const request = place === undefined ? undefined : this.#places[place]
    if (place === undefined || request?.id !== id) {
      const other = this.#others.get(id)
      if (other !== undefined) this.#others.delete(id)
      return other
    }
    this.#places[place] = undefined
    return request
  }

  clear(): void {
    this.#places.fill(undefined)
    this.#others.clear()
  }
}

/** A power of two. Four times as many as a connection has calls in flight by default. */
const places = 1024
