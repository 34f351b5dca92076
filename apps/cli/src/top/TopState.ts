/**
 * What `holdfast top` knows and shows: data, and one function that moves it. Nothing here draws, asks or waits.
 *
 * A key changes the state, or asks for something: that is the second member of what `press` returns.
 */
import type { DaemonStatus, Event, ServerStatus } from "@holdfast/daemon/ControlContract"
import type { TopKey } from "./TopKey.ts"

/** The daemon, as far as it is known. */
export type Held =
  | { readonly _tag: "Waiting"; readonly why: string }
  | { readonly _tag: "Known"; readonly status: DaemonStatus; readonly former: ReadonlyArray<DaemonStatus> }

/** What the rows are ordered by. */
export const orders = ["name", "state", "memory", "in flight"] as const
export type Order = (typeof orders)[number]

/** Which row is meant: a server, and its process if it has one. */
export interface Target {
  readonly name: string
  readonly pid: number | undefined
}

/** What the screen is for just now. */
export type Mode =
  | { readonly _tag: "List" }
  /** A filter is being typed. */
  | { readonly _tag: "Filter" }
  | { readonly _tag: "Help" }
  /** A question before a server is closed. */
  | { readonly _tag: "Confirm"; readonly target: Target }
  /** More of one server; `lines` from `top` on. Undefined: they are being asked for. */
  | {
    readonly _tag: "Details"
    readonly target: Target
    readonly lines: ReadonlyArray<string> | undefined
    readonly top: number
  }

export type Operation = "reset" | "drain" | "close"

/** What a key asks for. */
export type Wish =
  | { readonly _tag: "Quit"; readonly isInterrupt: boolean }
  | { readonly _tag: "Operate"; readonly operation: Operation; readonly target: Target }
  | { readonly _tag: "Details"; readonly target: Target }
  | { readonly _tag: "Stop" }
  | { readonly _tag: "Redraw" }

export interface TopState {
  readonly held: Held
  /** Calls and refusals, the newest last. */
  readonly calls: ReadonlyArray<Event>
  readonly chosen: Target | undefined
  readonly filter: string
  readonly order: Order
  readonly mode: Mode
  /** What the last operation has said. */
  readonly note: { readonly text: string; readonly isBad: boolean } | undefined
}

export const initial: TopState = {
  held: { _tag: "Waiting", why: "looking for the daemon" },
  calls: [],
  chosen: undefined,
  filter: "",
  order: "name",
  mode: { _tag: "List" },
  note: undefined
}

/** Calls that are remembered. */
export const mostCalls = 200

/** A row of the list: a process of a server, or a server that has none. */
export interface Row extends Target {
  readonly state: string
  readonly server: ServerStatus | undefined
  readonly memory: number
  readonly inFlight: number
  readonly waiting: number
}

/** The rows that pass the filter, in the order that is chosen. */
export const rowsOf = ({ filter, held, order }: TopState): ReadonlyArray<Row> => {
  if (held._tag === "Waiting") return []
  const daemons = [held.status, ...held.former]
  const rows = daemons.flatMap(({ servers }) => servers.map(rowOf))
  const names = new Set(rows.map(({ name }) => name))
  for (const { inFlight, name, waiting } of daemons.flatMap(({ overview = [] }) => overview)) {
    // What is known from several places is one name for a person, and so for `reset`.
    if (names.has(name)) continue
    names.add(name)
    rows.push({ name, pid: undefined, state: "not started", server: undefined, memory: 0, inFlight, waiting })
  }
  const wanted = filter.toLowerCase()
  return rows.filter((row) => wanted === "" || textOf(row).includes(wanted)).toSorted(compare(order))
}

const rowOf = (server: ServerStatus): Row => ({
  name: server.name,
  pid: server.pid,
  state: server.state,
  server,
  memory: server.memory?.pss ?? server.memory?.rss ?? 0,
  inFlight: server.inFlight ?? 0,
  waiting: server.waiting
})

const textOf = ({ name, pid, server, state }: Row): string =>
  [name, pid, state, server?.era, ...(server?.leases ?? []).map(({ program }) => program)].join(" ").toLowerCase()

/** What needs a look comes first. */
const urgency = ["quarantined", "backing off", "starting", "in use", "leaving", "idle", "not started"]

const compare = (order: Order) => (one: Row, other: Row): number => {
  const first = order === "memory"
    ? other.memory - one.memory
    : order === "in flight"
    ? other.inFlight + other.waiting - one.inFlight - one.waiting
    : order === "state"
    ? urgency.indexOf(one.state) - urgency.indexOf(other.state)
    : 0
  return first || (one.name < other.name ? -1 : one.name > other.name ? 1 : (one.pid ?? 0) - (other.pid ?? 0))
}

/** Where the choice is: at its process, else at another of its server, else where the list begins. */
export const chosenAt = (rows: ReadonlyArray<Row>, chosen: Target | undefined): number => {
  if (chosen === undefined) return 0
  const exact = rows.findIndex(({ name, pid }) => name === chosen.name && pid === chosen.pid)
  return exact >= 0 ? exact : Math.max(0, rows.findIndex(({ name }) => name === chosen.name))
}

/** How a target is named in sentences. */
export const nameOf = ({ name, pid }: Target): string => pid === undefined ? name : `${name} (process ${pid})`

/** The daemon was looked at. */
export const looked = (state: TopState, status: DaemonStatus, former: ReadonlyArray<DaemonStatus>): TopState => ({
  ...state,
  held: { _tag: "Known", status, former }
})

/** Something has happened. */
export const happened = (state: TopState, event: Event): TopState =>
  event.event === "called" || event.event === "refused"
    ? { ...state, calls: [...state.calls, event].slice(-mostCalls) }
    : state

/** The daemon is not there. What it has told before is of no daemon any more. */
export const lost = (state: TopState, why: string): TopState => ({
  ...state,
  held: { _tag: "Waiting", why },
  calls: []
})

/** What is to be told more of has come. */
export const described = (state: TopState, lines: ReadonlyArray<string>): TopState =>
  state.mode._tag === "Details" ? { ...state, mode: { ...state.mode, lines } } : state

/** A key was pressed. `page`: the lines of a page. */
export const press = (state: TopState, key: TopKey, page: number): readonly [TopState, Wish | undefined] => {
  if (key === "interrupt") return [state, { _tag: "Quit", isInterrupt: true }]
  if (key === "stop") return [state, { _tag: "Stop" }]
  if (key === "redraw") return [state, { _tag: "Redraw" }]
  switch (state.mode._tag) {
    case "List":
      return inList({ ...state, note: undefined }, key, page)
    case "Filter":
      return [inFilter(state, key), undefined]
    case "Help":
      return [list(state), undefined]
    case "Confirm": {
      const { target } = state.mode
      return isText(key, "y")
        ? [list(state), { _tag: "Operate", operation: "close", target }]
        : [list(state), undefined]
    }
    case "Details":
      return inDetails(state, state.mode, key, page)
  }
}

const list = (state: TopState): TopState => ({ ...state, mode: { _tag: "List" } })

const isText = (key: TopKey, text: string): boolean => typeof key === "object" && key.text === text

const inList = (state: TopState, key: TopKey, page: number): readonly [TopState, Wish | undefined] => {
  const rows = rowsOf(state)
  const at = chosenAt(rows, state.chosen)
  const go = (to: number): readonly [TopState, undefined] => {
    const row = rows[Math.max(0, Math.min(rows.length - 1, to))]
    return [row === undefined ? state : { ...state, chosen: { name: row.name, pid: row.pid } }, undefined]
  }
  const row = rows[at]
  const target: Target | undefined = row && { name: row.name, pid: row.pid }
  const operate = (operation: Operation): readonly [TopState, Wish | undefined] => [
    state,
    target && { _tag: "Operate", operation, target }
  ]
  switch (typeof key === "object" ? key.text : key) {
    case "up":
    case "k":
      return go(at - 1)
    case "down":
    case "j":
      return go(at + 1)
    case "page up":
      return go(at - page)
    case "page down":
      return go(at + page)
    case "home":
    case "g":
      return go(0)
    case "end":
    case "G":
      return go(rows.length - 1)
    case "enter":
      return target === undefined
        ? [state, undefined]
        : [{ ...state, mode: { _tag: "Details", target, lines: undefined, top: 0 } }, { _tag: "Details", target }]
    case "r":
      return operate("reset")
    case "d":
      return operate("drain")
    case "c":
      return [target === undefined ? state : { ...state, mode: { _tag: "Confirm", target } }, undefined]
    case "/":
      return [{ ...state, mode: { _tag: "Filter" } }, undefined]
    case "s":
      return [{ ...state, order: orders[(orders.indexOf(state.order) + 1) % orders.length] ?? "name" }, undefined]
    case "?":
    case "h":
      return [{ ...state, mode: { _tag: "Help" } }, undefined]
    case "escape":
      return [{ ...state, filter: "" }, undefined]
    case "q":
      return [state, { _tag: "Quit", isInterrupt: false }]
    default:
      return [state, undefined]
  }
}

const longestFilter = 100

const inFilter = (state: TopState, key: TopKey): TopState => {
  if (typeof key === "object") return { ...state, filter: (state.filter + key.text).slice(0, longestFilter) }
  switch (key) {
    case "backspace":
      return { ...state, filter: [...state.filter].slice(0, -1).join("") }
    case "escape":
      return { ...list(state), filter: "" }
    case "enter":
      return list(state)
    default:
      return state
  }
}

const inDetails = (
  state: TopState,
  mode: Extract<Mode, { readonly _tag: "Details" }>,
  key: TopKey,
  page: number
): readonly [TopState, Wish | undefined] => {
  const most = Math.max(0, (mode.lines?.length ?? 0) - page)
  const go = (to: number): readonly [TopState, undefined] => [
    { ...state, mode: { ...mode, top: Math.max(0, Math.min(most, to)) } },
    undefined
  ]
  switch (typeof key === "object" ? key.text : key) {
    case "up":
    case "k":
      return go(mode.top - 1)
    case "down":
    case "j":
      return go(mode.top + 1)
    case "page up":
      return go(mode.top - page)
    case "page down":
    case " ":
      return go(mode.top + page)
    case "home":
    case "g":
      return go(0)
    case "end":
    case "G":
      return go(most)
    case "r":
      return [state, { _tag: "Operate", operation: "reset", target: mode.target }]
    case "d":
      return [state, { _tag: "Operate", operation: "drain", target: mode.target }]
    case "escape":
    case "enter":
    case "backspace":
    case "q":
      return [list(state), undefined]
    default:
      return [state, undefined]
  }
}
