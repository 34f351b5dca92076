/**
 * Which rows of a long list are in the document: those that are seen, and some around them. All rows are of one height.
 */

/** What is seen of a list. Lengths are pixels. */
export interface Viewport {
  readonly rows: number
  readonly rowHeight: number
  /** How far it is scrolled. */
  readonly top: number
  readonly height: number
}

/** `from` is the first one, `to` the one after the last. */
export interface Range {
  readonly from: number
  readonly to: number
}

/** So many are there beyond each edge, so that Tab finds the next one. */
export const overscan = 4

/** The rows of a viewport. A list that has become shorter than it is scrolled shows its end. */
export const rangeOf = ({ height, rowHeight, rows, top }: Viewport): Range => {
  const seen = Math.ceil(Math.max(0, height) / rowHeight) + 1
  const first = Math.min(Math.max(0, Math.floor(top / rowHeight)), Math.max(0, rows - seen))
  return { from: Math.max(0, first - overscan), to: Math.min(rows, first + seen + overscan) }
}

/** The numbers of the rows that are in the document: a range, and the one that has the focus, wherever it is. */
export const shownIn = ({ from, to }: Range, focused: number): ReadonlyArray<number> => {
  const range = Array.from({ length: to - from }, (_, index) => from + index)
  return focused < 0 || (focused >= from && focused < to)
    ? range
    : focused < from
    ? [focused, ...range]
    : [...range, focused]
}
