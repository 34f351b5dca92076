/**
 * For code that knows JavaScript's numbers only: each whole number that was kept exact (`JSON.rawJSON`, see `JsonRpc`) becomes the number
 * nearest to it, as `JSON.parse` would have read it.
 *
 * @example
 * ```ts
 * import * as JsonRpc from "@holdfast/protocol/JsonRpc"
 * import * as NearestNumbers from "@holdfast/protocol/NearestNumbers"
 *
 * const frame = JsonRpc.decode(`{"jsonrpc":"2.0","id":1,"result":{"structuredContent":{"id":9007199254740993}}}`)
 * export const plain = frame._tag === "Success" ? NearestNumbers.nearest(frame.result) : undefined
 * ```
 */
import { isRawJSON } from "./internal/exactIntegers.ts"

/** The same value where there is nothing to change, and a copy of what has changed where there is. */
export const nearest = (value: unknown): unknown => {
  if (typeof value !== "object" || value === null) return value
  if (isRawJSON(value)) return Number(value.rawJSON)
  if (Array.isArray(value)) {
    const items = value.map(nearest)
    return items.some((item, index) => item !== value[index]) ? items : value
  }
  const members = Object.entries(value).map(([name, member]) => [name, member, nearest(member)] as const)
  if (members.every(([, before, after]) => before === after)) return value
  // Defined and not assigned: a member may be called "__proto__".
  return Object.fromEntries(members.map(([name, , after]) => [name, after]))
}
