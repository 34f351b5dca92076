/** The lists of a host: servers, sessions, streams, jobs, what waits, and what has happened. */
import { useMemo } from "preact/hooks"
import type {
  CallRow,
  FailureRow,
  Head,
  JobRow,
  RefusedRow,
  ServerRow,
  SessionRow,
  StreamRow,
  WaitingRow
} from "../src/DashboardContract.ts"
import { Buttons, Chip, holderOf, Line } from "./Parts.tsx"
import * as Store from "./Store.ts"
import { type Column, VirtualTable } from "./VirtualTable.tsx"
import { clockOf, counted, sizeOf, spanOf } from "./Words.ts"

const none = "–"

/** Of rows, those with all the words of the filter somewhere in them. */
const useMatching = <Row extends object>(rows: ReadonlyArray<Row>, filter: string): ReadonlyArray<Row> =>
  useMemo(() => {
    const words = filter.toLowerCase().split(/\s+/).filter((word) => word !== "")
    if (words.length === 0) return rows
    return rows.filter((row) => {
      const text = textOf(row)
      return words.every((word) => text.includes(word))
    })
  }, [rows, filter])

const texts = new WeakMap<object, string>()

/** All words of a row, made once. */
const textOf = (row: object): string => {
  const known = texts.get(row)
  if (known !== undefined) return known
  const text = JSON.stringify(Object.values(row)).toLowerCase()
  texts.set(row, text)
  return text
}

interface ListProps<Row> {
  readonly rows: ReadonlyArray<Row>
  readonly filter: string
}

const noMatch = "Nothing here has these words. Empty the filter to see all."

const stateOf = ({ inFlight = 0, retryAt, state, tasks = 0, waiting = 0 }: ServerRow): string =>
  [
    state,
    retryAt === undefined ? "" : `next try at ${clockOf(retryAt)}`,
    inFlight === 0 ? "" : `${inFlight} in flight`,
    waiting === 0 ? "" : `${waiting} waiting`,
    tasks === 0 ? "" : counted(tasks, "task")
  ].filter((part) => part !== "").join(", ")

const serverColumns = ({ hasLogs, hasWhy }: Head): ReadonlyArray<Column<ServerRow>> => [
  { head: "Server", className: "name", cell: ({ command, name }) => <span title={command}>{name}</span> },
  { head: "State", className: "state", cell: (row) => <Chip mood={row.mood}>{stateOf(row)}</Chip> },
  { head: "Era", className: "era", cell: ({ era = none }) => era },
  { head: "Process", className: "number", cell: ({ pid = none }) => pid },
  { head: "Memory", className: "number", cell: ({ memory }) => memory === undefined ? none : sizeOf(memory) },
  {
    head: "Leases",
    className: "wide",
    cell: ({ leases, sharing }) => (
      <Line>
        {leases.length === 0
          ? none
          : `${leases.length}: ${leases.map(holderOf).join(", ")}${sharing === undefined ? "" : ` · ${sharing}`}`}
      </Line>
    )
  },
  {
    head: "Actions",
    className: "actions",
    cell: ({ actions, id, name, pid }) => {
      const named = pid === undefined ? name : `${name} (${pid})`
      return (
        <span class="buttons">
          {hasWhy
            ? (
              <button type="button" aria-label={`Why: ${named}`} onClick={() => void Store.explain(name)}>
                Why
              </button>
            )
            : null}
          {hasLogs
            ? (
              <button
                type="button"
                aria-label={`Log of ${named}`}
                onClick={() => {
                  Store.followLog(name)
                  document.getElementById("log")?.focus()
                }}
              >
                Log
              </button>
            )
            : null}
          <Buttons actions={actions} name={named} of="server" target={id} />
        </span>
      )
    }
  }
]

export const Servers = ({ filter, head, rows }: ListProps<ServerRow> & { readonly head: Head }) => {
  const columns = useMemo(() => serverColumns(head), [head.hasLogs, head.hasWhy])
  return (
    <VirtualTable
      label="Servers"
      className="servers"
      rows={useMatching(rows, filter)}
      idOf={({ id }) => id}
      columns={columns}
      height={{ wide: 44, narrow: 224 }}
      empty={rows.length > 0
        ? noMatch
        : (
          <>
            No server runs. The next call starts one:{" "}
            <code>holdfast call &lt;server&gt; &lt;tool&gt;</code>, or any program that has <code>holdfast wrap</code>
            {" "}
            or <code>holdfast connect</code> in its config.
          </>
        )}
    />
  )
}

/** Longer by a step for each tenfold: 1 ms to 1000 s. */
const Bar = ({ millis, mood }: Pick<CallRow, "millis" | "mood">) => (
  <span aria-hidden="true" class="track">
    <span
      class={`bar ${mood}`}
      style={{ width: `${Math.min(100, Math.max(3, Math.log10(Math.max(1, millis)) * 16.6))}%` }}
    />
  </span>
)

const callColumns: ReadonlyArray<Column<CallRow>> = [
  { head: "Time", className: "time", cell: ({ at }) => clockOf(at) },
  { head: "Outcome", className: "state", cell: ({ mood, outcome }) => <Chip mood={mood}>{outcome}</Chip> },
  {
    head: "Call",
    className: "wide",
    cell: ({ name, server }) => <Line>{server === undefined ? name : `${server} · ${name}`}</Line>
  },
  {
    head: "Took",
    className: "took",
    cell: (row) => (
      <>
        <span class="span">{spanOf(row.millis)}</span>
        <Bar {...row} />
      </>
    )
  },
  { head: "By", className: "by", cell: ({ by }) => <Line>{by === undefined ? none : holderOf(by)}</Line> }
]

export const Calls = ({ filter, onlyBad, rows }: ListProps<CallRow> & { readonly onlyBad: boolean }) => {
  const chosen = useMemo(() => rows.filter(({ mood }) => !onlyBad || mood === "bad").toReversed(), [rows, onlyBad])
  return (
    <VirtualTable
      label="Calls, the newest first"
      className="calls"
      rows={useMatching(chosen, filter)}
      idOf={({ seq }) => String(seq)}
      columns={callColumns}
      height={{ wide: 32, narrow: 84 }}
      empty={rows.length > 0
        ? onlyBad && filter === "" ? "No call has failed." : noMatch
        : "No call yet. It appears here as soon as it is over."}
    />
  )
}

const refusedColumns: ReadonlyArray<Column<RefusedRow>> = [
  { head: "Time", className: "time", cell: ({ at }) => clockOf(at) },
  { head: "Reason", className: "state", cell: ({ reason }) => <Chip mood="bad">{reason}</Chip> },
  { head: "Why", className: "wide", cell: ({ message }) => <Line>{message}</Line> },
  {
    head: "Of",
    className: "by",
    cell: ({ by, server }) => (
      <Line>
        {[by === undefined ? undefined : holderOf(by), server].filter((each) => each !== undefined).join(" · ") || none}
      </Line>
    )
  }
]

export const RefusedList = ({ filter, rows }: ListProps<RefusedRow>) => {
  const newest = useMemo(() => rows.toReversed(), [rows])
  return (
    <VirtualTable
      label="Refused, the newest first"
      className="refused"
      rows={useMatching(newest, filter)}
      idOf={({ seq }) => String(seq)}
      columns={refusedColumns}
      height={{ wide: 32, narrow: 108 }}
      empty={rows.length > 0 ? noMatch : "Nothing was refused."}
    />
  )
}

const failureColumns = ({ hasWhy }: Head): ReadonlyArray<Column<FailureRow>> => [
  { head: "Time", className: "time", cell: ({ at }) => clockOf(at) },
  { head: "Of", className: "name", cell: ({ subject }) => <Line>{subject}</Line> },
  { head: "What", className: "wide", cell: ({ message }) => <Line>{message}</Line> },
  {
    head: "More",
    className: "actions",
    cell: ({ subject }) =>
      hasWhy
        ? (
          <span class="buttons">
            <button type="button" aria-label={`Why: ${subject}`} onClick={() => void Store.explain(subject)}>
              Why
            </button>
          </span>
        )
        : none
  }
]

export const Failures = ({ filter, head, rows }: ListProps<FailureRow> & { readonly head: Head }) => {
  const newest = useMemo(() => rows.toReversed(), [rows])
  const columns = useMemo(() => failureColumns(head), [head.hasWhy])
  return (
    <VirtualTable
      label="Failures, the newest first"
      className="failures"
      rows={useMatching(newest, filter)}
      idOf={({ seq }) => String(seq)}
      columns={columns}
      height={{ wide: 40, narrow: 132 }}
      empty={rows.length > 0 ? noMatch : "Nothing has failed."}
    />
  )
}

const waitingColumns: ReadonlyArray<Column<WaitingRow>> = [
  { head: "For", className: "name", cell: ({ subject }) => <Line>{subject}</Line> },
  { head: "Waiting", className: "number", cell: ({ count = 1 }) => count },
  { head: "Because", className: "wide", cell: ({ because }) => <Line>{because}</Line> },
  {
    head: "Until",
    className: "time",
    cell: ({ since, until }) =>
      until === undefined ? since === undefined ? none : `since ${clockOf(since)}` : clockOf(until)
  }
]

export const WaitingList = ({ filter, rows }: ListProps<WaitingRow>) => (
  <VirtualTable
    label="Waiting"
    className="waiting"
    rows={useMatching(rows, filter)}
    idOf={({ id }) => id}
    columns={waitingColumns}
    height={{ wide: 32, narrow: 108 }}
    empty={rows.length > 0 ? noMatch : "Nothing waits."}
  />
)

const sessionColumns = {
  client: { head: "Client", className: "name", cell: ({ client }) => <Line>{client}</Line> },
  state: { head: "State", className: "state", cell: ({ state = none }) => state },
  pid: { head: "Process", className: "number", cell: ({ pid = none }) => pid },
  about: {
    head: "About",
    className: "wide",
    cell: ({ directory, era, lastSeenAt, principal, transport, wants }) => {
      const seen = lastSeenAt === undefined ? undefined : `seen ${clockOf(lastSeenAt)}`
      return (
        <Line>
          {[wants, principal, transport, era, directory, seen].filter((each) => each !== undefined).join(" · ") || none}
        </Line>
      )
    }
  },
  since: {
    head: "Since",
    className: "time",
    cell: ({ openedAt }) => openedAt === undefined ? none : clockOf(openedAt)
  },
  open: {
    head: "Open",
    className: "wide",
    cell: ({ bufferedBytes = 0, inFlight = 0, streams = 0 }) => (
      <Line>
        {[
          inFlight === 0 ? "" : `${inFlight} in flight`,
          streams === 0 ? "" : counted(streams, "stream"),
          bufferedBytes === 0 ? "" : `${sizeOf(bufferedBytes)} unread`
        ].filter((part) => part !== "").join(", ") || none}
      </Line>
    )
  },
  actions: {
    head: "Actions",
    className: "actions",
    cell: ({ actions, client, id }) => (
      <Buttons actions={actions} name={`session ${id} of ${client}`} of="session" target={id} />
    )
  }
} as const satisfies Readonly<Record<string, Column<SessionRow>>>

/** Programs of a daemon are processes, and end by themselves; sessions of a server are what it knows of them. */
const columnsOfSessions: Readonly<Record<Head["kind"], ReadonlyArray<Column<SessionRow>>>> = {
  daemon: [sessionColumns.client, sessionColumns.pid, sessionColumns.about],
  server: [
    sessionColumns.client,
    sessionColumns.state,
    sessionColumns.about,
    sessionColumns.since,
    sessionColumns.open,
    sessionColumns.actions
  ]
}

export const Sessions = ({ filter, kind, rows }: ListProps<SessionRow> & { readonly kind: Head["kind"] }) => (
  <VirtualTable
    label={kind === "daemon" ? "Programs" : "Sessions"}
    className={`sessions ${kind}`}
    rows={useMatching(rows, filter)}
    idOf={({ id }) => id}
    columns={columnsOfSessions[kind]}
    height={{ wide: kind === "daemon" ? 32 : 44, narrow: kind === "daemon" ? 84 : 180 }}
    empty={rows.length > 0 ? noMatch : "No client is here. Each one has a row as long as it stays."}
  />
)

const streamColumns: ReadonlyArray<Column<StreamRow>> = [
  { head: "Stream", className: "name", cell: ({ kind }) => <Line>{kind}</Line> },
  { head: "Session", className: "number", cell: ({ session = none }) => session },
  { head: "Since", className: "time", cell: ({ openedAt }) => openedAt === undefined ? none : clockOf(openedAt) },
  {
    head: "Unread",
    className: "number",
    cell: ({ bufferedBytes }) => bufferedBytes === undefined ? none : sizeOf(bufferedBytes)
  }
]

export const Streams = ({ filter, rows }: ListProps<StreamRow>) => (
  <VirtualTable
    label="Streams"
    className="streams"
    rows={useMatching(rows, filter)}
    idOf={({ id }) => id}
    columns={streamColumns}
    height={{ wide: 32, narrow: 108 }}
    empty={rows.length > 0 ? noMatch : "No stream is open."}
  />
)

const progressOf = ({ progress }: JobRow): string => {
  if (progress === undefined) return ""
  const { done, message, total } = progress
  return [total === undefined ? String(done) : `${done} of ${total}`, message].filter((part) => part !== undefined)
    .join(", ")
}

const stepsOf = ({ steps }: JobRow): string =>
  steps.map(({ attempts = 1, message, millis, name, state }) =>
    `${name}: ${state}${attempts > 1 ? `, ${attempts} times` : ""}${millis === undefined ? "" : `, ${spanOf(millis)}`}${
      message === undefined ? "" : ` (${message})`
    }`
  ).join("; ")

const jobColumns: ReadonlyArray<Column<JobRow>> = [
  { head: "Job", className: "name", cell: ({ id, kind }) => <Line>{`${kind} ${id}`}</Line> },
  { head: "State", className: "state", cell: ({ mood, state }) => <Chip mood={mood}>{state}</Chip> },
  {
    head: "Progress",
    className: "wide",
    cell: (row) => {
      const { done = 0, total } = row.progress ?? {}
      return (
        <span class="progress">
          {row.progress === undefined || total === undefined
            ? null
            : <progress value={done} max={total} aria-label={`Progress of ${row.kind} ${row.id}`} />}
          <Line>{progressOf(row) || none}</Line>
        </span>
      )
    }
  },
  {
    head: "Steps",
    className: "wide",
    cell: (row) => (
      <span class="progress">
        <span aria-hidden="true" class="steps">
          {row.steps.slice(-mostSteps).map(({ mood, name }, index) => <i key={`${index} ${name}`} class={mood} />)}
        </span>
        <Line>{row.error ?? (stepsOf(row) || none)}</Line>
      </span>
    )
  },
  {
    head: "Began",
    className: "time",
    cell: ({ createdAt, startedAt = createdAt }) => startedAt === undefined ? none : clockOf(startedAt)
  },
  { head: "Ended", className: "time", cell: ({ endedAt }) => endedAt === undefined ? none : clockOf(endedAt) },
  {
    head: "Actions",
    className: "actions",
    cell: ({ actions, id, kind }) => <Buttons actions={actions} name={`${kind} ${id}`} of="job" target={id} />
  }
]

/** Squares beside the words of a job's steps. */
const mostSteps = 12

export const Jobs = ({ filter, rows }: ListProps<JobRow>) => (
  <VirtualTable
    label="Jobs"
    className="jobs"
    rows={useMatching(rows, filter)}
    idOf={({ id }) => id}
    columns={jobColumns}
    height={{ wide: 48, narrow: 220 }}
    empty={rows.length > 0 ? noMatch : "No job yet. One that is started has a row here until it is forgotten."}
  />
)
