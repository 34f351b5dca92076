/**
 * Which known names a misspelt one may stand for: for "did you mean" in errors.
 *
 * A name is near when it differs by a few typing slips for its length (Damerau-Levenshtein, case ignored), or when one
 * contains the other. Only those about as near as the nearest are named: nearest first, three at most.
 *
 * @example
 * ```ts
 * import { nearNames } from "@holdfast/mcp"
 *
 * export const meant = nearNames("fss", ["fs", "git"]) // ["fs"]
 * ```
 */
import { editDistance } from "./internal/editDistance.ts"

/** At most three of `candidates` that look like `name`, nearest first. Empty when nothing does. */
export const nearNames = (name: string, candidates: Iterable<string>): ReadonlyArray<string> => {
  const wanted = name.toLowerCase()
  const scored: Array<readonly [distance: number, candidate: string]> = []
  for (const candidate of candidates) {
    const known = candidate.toLowerCase()
    const allowed = Math.max(1, Math.floor(Math.max(wanted.length, known.length) / 3))
    const distance = editDistance(wanted, known)
    // Where half of a name is a slip, every name would be near.
    if (distance <= allowed && distance * 2 < Math.max(wanted.length, known.length)) scored.push([distance, candidate])
    else if (contains(wanted, known)) scored.push([allowed + 1, candidate])
  }
  scored.sort(([a, x], [b, y]) => a - b || (x < y ? -1 : 1))
  const [nearest = 0] = scored[0] ?? []
  return scored.filter(([distance]) => distance <= nearest + 1).slice(0, 3).map(([, candidate]) => candidate)
}

/** Very short words are part of almost anything and would suggest nonsense. */
const contains = (a: string, b: string): boolean =>
  Math.min(a.length, b.length) >= 3 && (a.includes(b) || b.includes(a))
