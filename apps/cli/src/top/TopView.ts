/**
 * The frame of `holdfast top`: a state and a size become lines. Pure.
 *
 * Promises: never more lines than rows, and no line wider than the columns; nothing that servers and programs say reaches the terminal as anything
 * but text; without colours every line is plain text.
 */
import type { Event } from "@holdfast/daemon/ControlContract"
import * as CliOutput from "effect/cli/CliOutput"
import { clockOf, sizeOf, spanOf } from "../Sizes.ts"
import { sizeIn } from "../StatusText.ts"
import { printable, type Style, styleOf } from "../Style.ts"
import { firstLine } from "../Table.ts"
import type { ScreenSize } from "./Screen.ts"
import { chosenAt, type Mode, nameOf, type Row, rowsOf, type TopState } from "./TopState.ts"

export interface ViewOptions extends ScreenSize {
  readonly hasColor: boolean
}

/** Lines of a page that is scrolled: all but the head and the foot. */
export const pageOf = ({ rows }: ScreenSize): number => Math.max(1, rows - 3)

/** The whole screen. */
export const frame = (state: TopState, { columns, hasColor, rows }: ViewOptions): ReadonlyArray<string> => {
  const style = styleOf({ hasColor })
  const head = headLines(state, style)
  const foot = footLine(state, style)
  const room = Math.max(0, rows - head.length - 1)
  const body = bodyLines(state, { columns, hasColor, rows: room }, style)
  const blank = Array.from({ length: Math.max(0, room - body.length) }, () => "")
  const lines = [...head, ...body.slice(0, room), ...blank, foot]
  // A screen of few rows keeps its foot: there the keys are, and the question that waits.
  return [...lines.slice(0, Math.max(0, rows - 1)), foot].map((line) => cut(line, columns)).slice(-rows)
}

/** The same as text for a file: all rows, whole lines, no keys. */
export const plain = (state: TopState, columns: number | undefined, hasColor: boolean): string => {
  const style = styleOf({ hasColor })
  const width = columns ?? Number.POSITIVE_INFINITY
  const lines = [
    ...headLines(state, style),
    "",
    ...serverLines(state, { columns: width, rows: Number.POSITIVE_INFINITY, hasColor }, style, false),
    ...section("LAST CALLS", state.calls.slice(-20).map((event) => callLine(event, style)), style),
    ...section("LAST FAILURES", failureLines(state, 5, style), style)
  ]
  return `${lines.map((line) => cut(line, width).trimEnd()).join("\n")}\n`
}

const headLines = ({ filter, held, mode, order }: TopState, { bold, dim }: Style): ReadonlyArray<string> => {
  if (held._tag === "Waiting") return [bold("holdfast top"), oneLine(held.why)]
  const { failures, isLeaving, overview = [], pid, questions = 0, servers, uptimeMillis, version } = held.status
  const all = [held.status, ...held.former].flatMap(({ servers }) => servers)
  const sum = (of: (server: (typeof servers)[number]) => number): number =>
    all.reduce((total, server) => total + of(server), 0)
  const inUse = all.filter(({ state }) => state === "in use").length
  const facts = [
    `${all.length} ${all.length === 1 ? "process" : "processes"}`,
    `${inUse} in use`,
    `${sum(({ inFlight = 0 }) => inFlight)} in flight`,
    `${sum(({ waiting }) => waiting) || overview.reduce((total, { waiting }) => total + waiting, 0)} waiting`,
    sizeOf(sum(({ memory }) => memory?.pss ?? memory?.rss ?? 0)),
    ...(failures.length === 0 ? [] : [`${failures.length} failures`]),
    ...(questions === 0 ? [] : [`${questions} waiting for an answer: holdfast questions`])
  ]
  const about = [
    `daemon ${version} (${pid})`,
    ...(uptimeMillis === undefined ? [] : [`up ${spanOf(uptimeMillis)}`]),
    ...(isLeaving ? ["makes way for a newer one"] : []),
    ...(filter === "" || mode._tag === "Filter" ? [] : [`filter ${filter}`]),
    ...(order === "name" ? [] : [`by ${order}`])
  ]
  return [`${bold("holdfast top")}  ${dim(oneLine(about.join(", ")))}`, oneLine(facts.join(", "))]
}

const footLine = ({ filter, mode, note }: TopState, { bold, dim, red }: Style): string => {
  switch (mode._tag) {
    case "Filter":
      return `${bold("/")}${oneLine(filter)}_  ${dim("Enter keeps it, Esc ends it")}`
    case "Confirm":
      return bold(`close ${oneLine(nameOf(mode.target))}? y closes it now, any other key does not`)
    case "Help":
      return dim("any key goes back")
    case "Details":
      return note === undefined ? dim("Esc back  j k scroll  r reset  d drain") : said(note, red)
    case "List":
      return note === undefined
        ? dim("? help  Enter details  r reset  d drain  c close  / filter  s sort  q quit")
        : said(note, red)
  }
}

const said = (note: NonNullable<TopState["note"]>, red: Style["red"]): string =>
  note.isBad ? red(oneLine(note.text)) : oneLine(note.text)

const bodyLines = (state: TopState, view: ViewOptions, style: Style): ReadonlyArray<string> => {
  const { mode } = state
  switch (mode._tag) {
    case "Help":
      return ["", ...help]
    case "Details":
      return detailLines(mode, view, style)
    default:
      return listLines(state, view, style)
  }
}

const help: ReadonlyArray<string> = [
  "  up, k      one up            Enter  why, history and log of a server",
  "  down, j    one down          r      reset: forget its failures, try again",
  "  PgUp PgDn  a page            d      drain: lend it to no new program",
  "  g, G       first, last       c      close: end it now (asks first)",
  "  /          filter            s      sort by name, state, memory, in flight",
  "  Esc        no filter         Ctrl-L draw again    Ctrl-Z stop",
  "  q          quit"
]

const detailLines = (
  { lines, target, top }: Extract<Mode, { readonly _tag: "Details" }>,
  { rows }: ViewOptions,
  { dim }: Style
): ReadonlyArray<string> =>
  lines === undefined ? [dim(`asking for ${oneLine(nameOf(target))}`)] : lines.slice(top, top + rows)

/** Servers, calls and failures share the rows: each has some if there are enough, and servers have what is left. */
const listLines = (state: TopState, view: ViewOptions, style: Style): ReadonlyArray<string> => {
  const { calls, held } = state
  const { rows } = view
  const failures = held._tag === "Known" ? held.status.failures.length : 0
  const ofFailures = rows < 14 || failures === 0 ? 0 : Math.min(3, failures) + 2
  const servers = rowsOf(state).length + 2
  const left = rows - ofFailures
  const ofCalls = left < 8 || calls.length === 0
    ? 0
    : Math.max(Math.min(5, calls.length + 2), Math.min(calls.length + 2, left - servers, 12))
  const ofServers = rows - ofFailures - ofCalls
  return [
    "",
    ...serverLines(state, { ...view, rows: ofServers - 1 }, style, true),
    ...section("LAST CALLS", calls.slice(-(ofCalls - 2)).map((event) => callLine(event, style)), style, ofCalls),
    ...section("LAST FAILURES", failureLines(state, ofFailures - 2, style), style, ofFailures)
  ]
}

const section = (
  title: string,
  lines: ReadonlyArray<string>,
  { dim }: Style,
  rows: number = Number.POSITIVE_INFINITY
): ReadonlyArray<string> => lines.length === 0 || rows < 3 ? [] : ["", dim(title), ...lines]

interface Column {
  readonly title: string
  readonly of: (row: Row) => string
  /** Columns of a larger number go first where there is no room. */
  readonly rank: number
  readonly isNumber?: true
  readonly widest: number
}

const columnsOf: ReadonlyArray<Column> = [
  { title: "SERVER", of: ({ name }) => name, rank: 0, widest: 32 },
  { title: "STATE", of: stateOf, rank: 0, widest: 28 },
  { title: "FLY", of: ({ inFlight }) => count(inFlight), rank: 3, isNumber: true, widest: 6 },
  { title: "WAIT", of: ({ waiting }) => count(waiting), rank: 4, isNumber: true, widest: 6 },
  {
    title: "MEMORY",
    of: ({ server }) => sizeIn(server?.memory) ?? "-",
    rank: 1,
    isNumber: true,
    widest: 9
  },
  { title: "ERA", of: ({ server }) => server?.era ?? "-", rank: 6, widest: 6 },
  { title: "PROCESS", of: ({ pid }) => pid === undefined ? "-" : String(pid), rank: 5, isNumber: true, widest: 8 },
  { title: "USED BY", of: usersOf, rank: 2, widest: 40 }
]

function stateOf({ server, state }: Row): string {
  const { retryInMillis } = server ?? {}
  return retryInMillis === undefined ? state : `${state}, ${Math.ceil(retryInMillis / 1000)} s`
}

function usersOf({ server }: Row): string {
  return server === undefined || server.leases.length === 0
    ? "-"
    : server.leases.map(({ pid, program }) => `${program} (${pid})`).join(", ")
}

const count = (value: number): string => value === 0 ? "-" : String(value)

const gap = 2
const marker = { chosen: "> ", other: "  " }
/** Of a name, where even the most important columns have no room. */
const leastName = 8

const serverLines = (
  state: TopState,
  { columns: width, rows }: ViewOptions,
  { bold, dim, inverse, red }: Style,
  hasChoice: boolean
): ReadonlyArray<string> => {
  if (rows < 1) return []
  const all = rowsOf(state)
  if (all.length === 0) {
    if (state.held._tag === "Waiting") return []
    return [state.filter === "" ? "no servers" : `no server matches ${oneLine(state.filter)}`]
  }
  const at = hasChoice ? chosenAt(all, state.chosen) : -1
  const most = Math.max(1, rows - 1)
  const first = Math.max(0, Math.min(at - Math.floor(most / 2), all.length - most))
  const shown = all.slice(first, Number.isFinite(most) ? first + most : undefined)
  const indent = hasChoice ? marker.other.length : 0
  const cells = shown.map((row) => columnsOf.map(({ of }) => oneLine(of(row))))
  const natural = columnsOf.map(({ title, widest }, column) =>
    Math.min(widest, Math.max(title.length, ...cells.map((row) => CliOutput.displayWidth(row[column] ?? ""))))
  )
  const kept = fitting(natural, width - indent)
  const line = (values: ReadonlyArray<string>): string =>
    kept.map(({ column, width }) => {
      const cell = firstLine(values[column] ?? "", width)
      const space = " ".repeat(Math.max(0, width - CliOutput.displayWidth(cell)))
      return columnsOf[column]?.isNumber === true ? space + cell : cell + space
    }).join(" ".repeat(gap))
  const hidden = all.length - shown.length
  const title = line(columnsOf.map(({ title }) => title)).trimEnd()
  return [
    dim(
      " ".repeat(indent) + (hidden === 0 ? title : `${title}  ${first + 1}-${first + shown.length} of ${all.length}`)
    ),
    ...shown.map((row, index) => {
      const text = line(cells[index] ?? [])
      if (!hasChoice) return text.trimEnd()
      if (first + index === at) return inverse(bold(marker.chosen + text))
      const isBad = row.state === "quarantined" || row.state === "backing off"
      return marker.other + (isBad ? red(text) : row.server === undefined ? dim(text) : text)
    })
  ]
}

/** The columns that have room beside each other: the least important ones go, and then the name gives way. */
const fitting = (
  natural: ReadonlyArray<number>,
  room: number
): ReadonlyArray<{ readonly column: number; readonly width: number }> => {
  let kept = natural.map((width, column) => ({ column, width, rank: columnsOf[column]?.rank ?? 0 }))
  const lack = () => kept.reduce((sum, { width }) => sum + width + gap, -gap) - room
  // The last column is words, of which the beginning says something, too.
  const users = kept.at(-1)
  if (users !== undefined && lack() > 0) {
    kept = [...kept.slice(0, -1), { ...users, width: Math.max(Math.min(users.width, 16), users.width - lack()) }]
  }
  while (lack() > 0 && kept.some(({ rank }) => rank > 0)) {
    const worst = Math.max(...kept.map(({ rank }) => rank))
    kept = kept.filter(({ rank }) => rank < worst)
  }
  const short = lack()
  return short <= 0
    ? kept
    : kept.map((each, index) => index === 0 ? { ...each, width: Math.max(leastName, each.width - short) } : each)
}

const callLine = (event: Event, { dim, red }: Style): string => {
  const time = dim(clockOf(event.at))
  if (event.event === "refused") {
    const by = event.by === undefined ? "" : `, asked by ${event.by.program} (${event.by.pid})`
    return `${time}  ${red("refused".padEnd(widestOutcome))}  ${oneLine(`${event.server ?? ""} ${event.message}${by}`)}`
  }
  if (event.event !== "called") return time
  const [outcome, isBad] = outcomeOf(event)
  const by = `by ${event.by.program} (${event.by.pid})`
  const words = oneLine(`${event.server}.${event.tool}  ${spanOf(event.millis)}  ${by}`)
  return `${time}  ${isBad ? red(outcome.padEnd(widestOutcome)) : outcome.padEnd(widestOutcome)}  ${words}`
}

/** `tool error`, `may have run`. */
const widestOutcome = 12

const outcomeOf = (
  { code, delivery, isError }: Extract<Event, { readonly event: "called" }>
): readonly [outcome: string, isBad: boolean] => {
  if (delivery === "NotSent") return ["not sent", true]
  if (delivery === "Unknown") return ["may have run", true]
  if (code !== undefined) return ["error", true]
  if (isError === true) return ["tool error", true]
  return [delivery, false]
}

const failureLines = ({ held }: TopState, most: number, { dim, red }: Style): ReadonlyArray<string> =>
  held._tag === "Waiting" || most < 1
    ? []
    : held.status.failures.slice(-most).map(({ at, message, server }) =>
      `${dim(clockOf(at))}  ${red(oneLine(server))}  ${oneLine(message)}`
    )

/** One line of text, whatever is in it. Marks that turn the direction of text are left out: they would turn the rest of the line, too. */
const oneLine = (text: string): string =>
  printable(text).replaceAll(/[\n\t\u2028\u2029]/g, " ").replaceAll(
    /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g,
    ""
  )

/** What a command has written for a terminal, as lines of this screen: our own emphasis, and else text. */
export const linesOf = (text: string): ReadonlyArray<string> =>
  text.trimEnd().split("\n").map((line) =>
    // oxlint-disable-next-line no-control-regex
    line.split(/(\u001b\[\d+m)/).map((part, index) => index % 2 === 1 ? part : oneLine(part)).join("")
  )

/** At most so many cells. Emphasis takes none, and ends with the line. */
const cut = (line: string, width: number): string => {
  if (!Number.isFinite(width) || CliOutput.displayWidth(line) <= width) return line
  let room = Math.max(0, width - 1)
  let short = ""
  let isStyled = false
  // oxlint-disable-next-line no-control-regex
  for (const [index, part] of line.split(/(\u001b\[\d+m)/).entries()) {
    if (index % 2 === 1) {
      short += part
      isStyled = true
      continue
    }
    for (const { segment } of graphemes.segment(part)) {
      const takes = CliOutput.displayWidth(segment)
      if (takes > room) {
        room = -1
        break
      }
      short += segment
      room -= takes
    }
    if (room < 0) break
  }
  return width < 1 ? "" : `${short}…${isStyled ? "\u001b[0m" : ""}`
}

const graphemes = new Intl.Segmenter()
