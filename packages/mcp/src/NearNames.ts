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

/** Insertions, deletions, substitutions and swaps of neighbours, in the space of three rows. */
const editDistance = (a: string, b: string): number => {
  let beforeLast: ReadonlyArray<number> = []
  let last: ReadonlyArray<number> = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let row = 1; row <= a.length; row++) {
    const current: Array<number> = [row]
    for (let column = 1; column <= b.length; column++) {
      const isSame = a[row - 1] === b[column - 1]
      let best = Math.min(
        cell(last, column) + 1,
        cell(current, column - 1) + 1,
        cell(last, column - 1) + (isSame ? 0 : 1)
      )
      if (row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]) {
        best = Math.min(best, cell(beforeLast, column - 2) + 1)
      }
      current.push(best)
    }
    beforeLast = last
    last = current
  }
  return cell(last, b.length)
}

const cell = (row: ReadonlyArray<number>, column: number): number => row[column] ?? Number.POSITIVE_INFINITY
