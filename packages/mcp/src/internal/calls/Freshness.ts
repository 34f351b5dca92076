/**
 * How long a list is fresh, as its server says on every page of it: `ttlMs` and `cacheScope` of revision 2026-07-28.
 *
 * @see https://modelcontextprotocol.io/specification/2026-07-28/server/utilities/caching
 */

/** How long a list is fresh, and whether callers with other credentials may be given it. */
export interface Freshness {
  /** Monotonic milliseconds. */
  readonly until: number
  readonly scope: "private" | "public"
}

/** What a page says of itself. Undefined: it is stale at once. */
export const freshnessOf = (page: unknown, now: number): Freshness | undefined => {
  if (typeof page !== "object" || page === null || !("ttlMs" in page)) return undefined
  const { ttlMs } = page
  if (typeof ttlMs !== "number" || !(ttlMs > 0)) return undefined
  return { until: now + ttlMs, scope: "cacheScope" in page && page.cacheScope === "public" ? "public" : "private" }
}

/** Of two pages of one list. */
export const both = (a: Freshness, b: Freshness | undefined): Freshness | undefined =>
  b && {
    until: Math.min(a.until, b.until),
    scope: a.scope === "public" && b.scope === "public" ? "public" : "private"
  }
