/**
 * Lists that their servers have said to be fresh for a while: `ttlMs` and `cacheScope` of revision 2026-07-28.
 *
 * Promises
 * - A list that is fresh is not asked for again, unless its server says that it has changed, is another version than before, or is
 *   reset. One that came while the server said so is not kept.
 * - What is `private` (all that does not say `public`) is given to callers of the same key alone: the same url with other headers or
 *   another identity is another key. What is `public` is given to all that mean the same url.
 * - Of a list in pages the shortest time counts, each from when its page came, and one private page makes it private.
 * - A list that could not be read to its end is not kept.
 *
 * @see https://modelcontextprotocol.io/specification/2026-07-28/server/utilities/caching
 */
import type { KeptList } from "../../Explanation.ts"
import type { McpConnection } from "../connection/contract.ts"
import type { PooledServer } from "../pool/PooledServer.ts"
import type { ServerMemory } from "../pool/ServerMemory.ts"
import type { Kept } from "./KeptLists.ts"
import type { Whole } from "./listing.ts"

/** So many public lists are kept, of all urls. */
const mostPublic = 256

export class ListCache {
  readonly #memory: ServerMemory
  readonly #now: () => number
  /** By the place and the method; those used least recently first. */
  readonly #public = new Map<string, Kept>()

  constructor(memory: ServerMemory, now: () => number) {
    this.#memory = memory
    this.#now = now
  }

  /** Undefined: it is to be asked for. */
  get<Item>(target: PooledServer, method: string): Whole<Item> | undefined {
    const { lists } = this.#memory.of(target.fingerprint).kept
    const place = placeOf(target, method)
    const kept = lists.get(method) ?? (place === undefined ? undefined : this.#public.get(place))
    if (kept === undefined) return undefined
    // What is kept of a method is what `keep` was given for it.
    if (this.#now() < kept.until) return kept.list as Whole<Item>
    if (lists.get(method) === kept) lists.delete(method)
    if (place !== undefined && this.#public.get(place) === kept) this.#public.delete(place)
    return undefined
  }

  /** Asked before a list is asked for, and given to `keep` when it has come. */
  changes({ fingerprint }: PooledServer, method: string): number {
    return this.#memory.of(fingerprint).kept.changes.get(method) ?? 0
  }

  keep<Item>(target: PooledServer, method: string, list: Whole<Item>, changes: number): void {
    const { kept } = this.#memory.of(target.fingerprint)
    const { freshness } = list
    kept.lists.delete(method)
    if (freshness === undefined || changes !== this.changes(target, method)) return
    const entry: Kept = { ...freshness, method, list }
    kept.lists.set(method, entry)
    const place = freshness.scope === "public" ? placeOf(target, method) : undefined
    if (place === undefined) return
    this.#public.delete(place)
    this.#public.set(place, entry)
    for (const oldest of this.#public.keys()) {
      if (this.#public.size <= mostPublic) break
      this.#public.delete(oldest)
    }
  }

  /** The server says something of its own accord. */
  heard(target: PooledServer, notification: string): void {
    for (const method of changedBy.get(notification) ?? []) this.#drop(target, method)
  }

  /** A new connection. Another version of the server may have other lists. */
  greeted(target: PooledServer, { serverInfo: { name, version } }: Pick<McpConnection, "serverInfo">): void {
    const { kept } = this.#memory.of(target.fingerprint)
    const words = `${name} ${version}`
    if (kept.version !== undefined && kept.version !== words) this.forget(target)
    kept.version = words
  }

  /** All lists of a server. */
  forget(target: PooledServer): void {
    for (const methods of changedBy.values()) for (const method of methods) this.#drop(target, method)
  }

  /** What is fresh now. */
  fresh(target: PooledServer): ReadonlyArray<KeptList> {
    const methods = [...changedBy.values()].flat()
    return methods.flatMap((method) => {
      if (this.get(target, method) === undefined) return []
      const place = placeOf(target, method)
      const kept = this.#memory.of(target.fingerprint).kept.lists.get(method) ??
        (place === undefined ? undefined : this.#public.get(place))
      if (kept === undefined) return []
      return [{ method, freshForMillis: kept.until - this.#now(), cacheScope: kept.scope }]
    })
  }

  #drop(target: PooledServer, method: string): void {
    const { changes, lists } = this.#memory.of(target.fingerprint).kept
    changes.set(method, (changes.get(method) ?? 0) + 1)
    lists.delete(method)
    const place = placeOf(target, method)
    if (place !== undefined) this.#public.delete(place)
  }
}

/** Where a server is, for all that may see it alike: a url. A process is what its environment makes of it. */
const placeOf = ({ endpoint, era, protocolVersion }: PooledServer, method: string): string | undefined =>
  endpoint._tag === "Http" ? `${method} ${era} ${protocolVersion ?? ""} ${endpoint.url}` : undefined

const changedBy: ReadonlyMap<string, ReadonlyArray<string>> = new Map([
  ["notifications/tools/list_changed", ["tools/list"]],
  ["notifications/prompts/list_changed", ["prompts/list"]],
  ["notifications/resources/list_changed", ["resources/list", "resources/templates/list"]]
])
