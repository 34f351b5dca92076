/**
 * The difference of two snapshots, and a snapshot with a difference put into it: the host makes the one, the page does the other.
 *
 * Plain functions without dependencies, because the page has them, too. `applied` keeps what `most` says, so that a page may stay open for months.
 */
import type { Change, Snapshot } from "./DashboardContract.ts"

/** How many rows of what has happened are kept, the newest. */
export const most = { calls: 10_000, refused: 1000, failures: 500, samples: 500 } as const

const tables = ["servers", "sessions", "streams", "jobs", "waiting"] as const
const logs = ["calls", "refused", "failures"] as const

interface Row {
  readonly id: string
}

interface Happening {
  readonly seq: number
}

/** What `after` has that `before` has not. Undefined: nothing. Both are of one epoch. */
export const between = (before: Snapshot, after: Snapshot): Change | undefined => {
  const change: { -readonly [K in keyof Change]: Change[K] } = {}
  let isOther = false
  if (!isSame(before.head, after.head)) {
    change.head = after.head
    isOther = true
  }
  for (const name of tables) {
    const rows = changedRows<Row>(before[name] ?? [], after[name] ?? [])
    if (rows === undefined) continue
    Object.assign(change, { [name]: rows })
    isOther = true
  }
  for (const name of logs) {
    const rows = newer<Happening>(before[name] ?? [], after[name] ?? [])
    if (rows.length === 0) continue
    Object.assign(change, { [name]: rows })
    isOther = true
  }
  const last = before.samples?.at(-1)?.at ?? Number.NEGATIVE_INFINITY
  const samples = (after.samples ?? []).filter(({ at }) => at > last)
  if (samples.length > 0) {
    change.samples = samples
    isOther = true
  }
  return isOther ? change : undefined
}

/** The snapshot that a change leads to. Rows that are as they were are the same objects. */
export const applied = (snapshot: Snapshot, change: Change): Snapshot => {
  const next: { -readonly [K in keyof Snapshot]: Snapshot[K] } = { ...snapshot }
  if (change.head !== undefined) next.head = change.head
  for (const name of tables) {
    const changes = change[name]
    if (changes === undefined) continue
    const before: ReadonlyArray<Row> = snapshot[name] ?? []
    Object.assign(next, { [name]: withRows(before, changes) })
  }
  for (const name of logs) {
    const rows: ReadonlyArray<Happening> | undefined = change[name]
    if (rows === undefined) continue
    const all: ReadonlyArray<Happening> = [...(snapshot[name] ?? []), ...rows].slice(-most[name])
    Object.assign(next, { [name]: all })
  }
  if (change.samples !== undefined) {
    next.samples = [...(snapshot.samples ?? []), ...change.samples].slice(-most.samples)
  }
  return next
}

/** A snapshot with no more than is kept of what has happened. */
export const bounded = (snapshot: Snapshot): Snapshot => {
  const next: { -readonly [K in keyof Snapshot]: Snapshot[K] } = { ...snapshot }
  if (snapshot.calls !== undefined) next.calls = snapshot.calls.slice(-most.calls)
  if (snapshot.refused !== undefined) next.refused = snapshot.refused.slice(-most.refused)
  if (snapshot.failures !== undefined) next.failures = snapshot.failures.slice(-most.failures)
  if (snapshot.samples !== undefined) next.samples = snapshot.samples.slice(-most.samples)
  return next
}

const changedRows = <A extends Row>(before: ReadonlyArray<A>, after: ReadonlyArray<A>) => {
  if (before === after) return undefined
  const known = new Map(before.map((row) => [row.id, row]))
  const set = after.filter((row) => {
    const found = known.get(row.id)
    return found === undefined || !isSame(found, row)
  })
  const there = new Set(after.map(({ id }) => id))
  const gone = before.filter(({ id }) => !there.has(id)).map(({ id }) => id)
  const order = after.map(({ id }) => id)
  const isMoved = order.length !== before.length || before.some(({ id }, index) => id !== order[index])
  return set.length === 0 && gone.length === 0 && !isMoved
    ? undefined
    : { set, gone, ...(isMoved ? { order } : {}) }
}

const withRows = (
  before: ReadonlyArray<Row>,
  { gone, order, set }: {
    readonly set: ReadonlyArray<Row>
    readonly gone: ReadonlyArray<string>
    readonly order?: ReadonlyArray<string> | undefined
  }
): ReadonlyArray<Row> => {
  const rows = new Map(before.map((row) => [row.id, row]))
  for (const id of gone) rows.delete(id)
  for (const row of set) rows.set(row.id, row)
  return (order ?? [...rows.keys()]).map((id) => rows.get(id)).filter((row) => row !== undefined)
}

/** They are in the order of their numbers. */
const newer = <A extends Happening>(before: ReadonlyArray<A>, after: ReadonlyArray<A>): ReadonlyArray<A> => {
  const last = before.at(-1)?.seq ?? Number.NEGATIVE_INFINITY
  let first = after.length
  while (first > 0 && (after[first - 1]?.seq ?? last) > last) first--
  return after.slice(first)
}

const isSame = (a: object, b: object): boolean => a === b || JSON.stringify(a) === JSON.stringify(b)
