/**
 * A table of any length of which only the rows that are seen are in the document.
 *
 * It says its whole length and each row's place in it. A row that has the focus stays in the document, and keeps the focus whatever happens to
 * the rows around it; when it goes, the table has it.
 */
import type { ComponentChildren } from "preact"
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks"
import { rangeOf, shownIn } from "./Windowing.ts"

/** One column. */
export interface Column<Row> {
  readonly head: string
  /** Of the cells, for their widths and sides. */
  readonly className: string
  readonly cell: (row: Row) => ComponentChildren
}

/** What a table shows. */
export interface TableProps<Row> {
  readonly label: string
  readonly rows: ReadonlyArray<Row>
  readonly idOf: (row: Row) => string
  readonly columns: ReadonlyArray<Column<Row>>
  /** Of the grid of its rows. */
  readonly className: string
  /** Pixels of a row, where there is room for it in a line, and where there is not. */
  readonly height: { readonly wide: number; readonly narrow: number }
  /** Said instead of no rows: what to do next. */
  readonly empty: ComponentChildren
  /** The newest rows are the last, and are followed while the end is seen. */
  readonly followsEnd?: boolean
}

const narrow = matchMedia("(max-width: 760px)")

const useIsNarrow = (): boolean => {
  const [isNarrow, setNarrow] = useState(narrow.matches)
  useEffect(() => {
    const change = () => setNarrow(narrow.matches)
    narrow.addEventListener("change", change)
    return () => narrow.removeEventListener("change", change)
  }, [])
  return isNarrow
}

export function VirtualTable<Row>(
  { className, columns, empty, followsEnd = false, height, idOf, label, rows }: TableProps<Row>
) {
  const body = useRef<HTMLDivElement>(null)
  const [seen, setSeen] = useState({ top: 0, height: 400 })
  const rowHeight = useIsNarrow() ? height.narrow : height.wide
  const isAtEnd = useRef(true)
  const active = document.activeElement
  const focused = active !== null && body.current?.contains(active) === true ? active : undefined
  const focusedId = focused?.closest("[data-id]")?.getAttribute("data-id")
  const focusedRow = focusedId == null ? -1 : rows.findIndex((row) => idOf(row) === focusedId)
  const range = rangeOf({ rows: rows.length, rowHeight, ...seen })

  const look = () => {
    const { current } = body
    if (current === null) return
    const { clientHeight, scrollHeight, scrollTop } = current
    isAtEnd.current = scrollHeight - clientHeight - scrollTop < rowHeight
    if (scrollTop !== seen.top || clientHeight !== seen.height) setSeen({ top: scrollTop, height: clientHeight })
  }
  useLayoutEffect(() => {
    const { current } = body
    if (current === null) return
    if (followsEnd && isAtEnd.current) current.scrollTop = current.scrollHeight
    look()
    if (focused !== undefined && document.activeElement !== focused && document.activeElement === document.body) {
      const next = focused.isConnected && focused instanceof HTMLElement ? focused : current
      next.focus({ preventScroll: true })
    }
  })
  useEffect(() => {
    const { current } = body
    if (current === null) return
    const observer = new ResizeObserver(look)
    observer.observe(current)
    return () => observer.disconnect()
  })

  if (rows.length === 0) return <p class="empty">{empty}</p>
  return (
    <div role="table" aria-label={label} aria-rowcount={rows.length + 1} class={`table ${className}`}>
      <div role="rowgroup" class="head">
        <div role="row" aria-rowindex={1} class="row">
          {columns.map(({ className, head }) => <span role="columnheader" key={head} class={className}>{head}</span>)}
        </div>
      </div>
      <div role="rowgroup" aria-label={label} class="body" ref={body} tabIndex={0} onScroll={look}>
        <div role="presentation" class="all" style={{ height: `${rows.length * rowHeight}px` }}>
          {shownIn(range, focusedRow).map((index) => {
            const row = rows[index]
            if (row === undefined) return null
            const id = idOf(row)
            return (
              <div
                role="row"
                key={id}
                data-id={id}
                aria-rowindex={index + 2}
                class="row"
                style={{ top: `${index * rowHeight}px`, height: `${rowHeight}px` }}
              >
                {columns.map(({ cell, className, head }) => (
                  <span role="cell" key={head} class={className} data-label={head}>{cell(row)}</span>
                ))}
              </div>
            )
          })}
        </div>
      </div>
    </div>
  )
}
