/**
 * What the page reads and what it may ask, as Schemas: the same for a daemon, whose servers it shows, and for a server, whose sessions and jobs
 * it shows.
 *
 * Nothing here runs: the module loads `effect/Schema` and no more, and knows nothing of a daemon or a server. A part of a `Snapshot` that is
 * absent does not exist there, and the page has no place for it; a part that is empty has a place that says so. Times are milliseconds since
 * 1970 by the clock of the host, durations milliseconds, sizes bytes. No text holds a secret: hosts say what their command line would.
 *
 * @example
 * ```ts
 * import * as DashboardContract from "@holdfast/dashboard/DashboardContract"
 * import * as Schema from "effect/Schema"
 *
 * export const serversIn = (text: string): ReadonlyArray<string> =>
 *   Schema.decodeSync(Schema.fromJsonString(DashboardContract.Snapshot))(text).servers?.map(({ name }) => name) ?? []
 * ```
 */
import * as Schema from "effect/Schema"

/** Names a row in its list, and what an action is done to. */
const id = Schema.String
const time = Schema.Finite
const millis = Schema.Finite
const bytes = Schema.Finite
const count = Schema.Int

/**
 * What a person may do to a row, or to the host itself. `reset`, `drain` and `close` are of a server, `close` of a session as well; `cancel` and
 * `again` of a job; `drain` of the host, where `Snapshot.actions` has it.
 */
export const ActionName = Schema.Literals(["reset", "drain", "close", "cancel", "again"])
/** The word of an action. */
export type ActionName = typeof ActionName.Type

/** `api/do`: one action. */
export const Action = Schema.Struct({
  action: ActionName,
  /** What kind of row it is of. `host`: of the host itself. */
  of: Schema.Literals(["host", "server", "session", "job"]),
  /** The `id` of the row. Undefined: of the host. */
  target: Schema.optional(Schema.String)
})
/** One action and its target. */
export interface Action extends Schema.Schema.Type<typeof Action> {}

/** The answer of `api/do`: what has become of it, in a sentence. */
export const Done = Schema.Struct({ message: Schema.String })
/** What an action has done. */
export interface Done extends Schema.Schema.Type<typeof Done> {}

/** The answer to whatever is refused or fails: what, and what to do next. */
export const Problem = Schema.Struct({ message: Schema.String })
/** Why there is no answer. */
export interface Problem extends Schema.Schema.Type<typeof Problem> {}

/** `api/enter`: the token of the address. */
export const Enter = Schema.Struct({ token: Schema.String })
/** What the page says first. */
export interface Enter extends Schema.Schema.Type<typeof Enter> {}

/** The answer of `api/enter`. */
export const Entered = Schema.Struct({ session: Schema.String })
/** The secret that every other request carries in the header `DashboardAccess.header`. */
export interface Entered extends Schema.Schema.Type<typeof Entered> {}

/** A program that has a server, or a session. */
export const Holder = Schema.Struct({
  program: Schema.String,
  pid: Schema.optional(Schema.Int),
  directory: Schema.optional(Schema.String)
})
/** Whose something is. */
export interface Holder extends Schema.Schema.Type<typeof Holder> {}

/** A server that a daemon holds or knows. One with several processes has a row for each. */
export const ServerRow = Schema.Struct({
  id,
  name: Schema.String,
  /** Words for people, such as `in use`. */
  state: Schema.String,
  /** How the state is to look. `off`: nothing runs, and nothing is wrong. */
  mood: Schema.Literals(["good", "busy", "bad", "off"]),
  /** With its arguments; or the url. */
  command: Schema.optional(Schema.String),
  /** Where it comes from: a file, or the command of a program. */
  origin: Schema.optional(Schema.String),
  era: Schema.optional(Schema.String),
  sharing: Schema.optional(Schema.String),
  pid: Schema.optional(Schema.Int),
  startedAt: Schema.optional(time),
  memory: Schema.optional(bytes),
  leases: Schema.Array(Holder),
  /** Requests without an answer yet. */
  inFlight: Schema.optional(count),
  /** How many sessions wait for it. */
  waiting: Schema.optional(count),
  tools: Schema.optional(count),
  tasks: Schema.optional(count),
  /** When the next try is, while it backs off or is quarantined. */
  retryAt: Schema.optional(time),
  lastFailure: Schema.optional(Schema.String),
  actions: Schema.Array(ActionName)
})
/** One row of `Snapshot.servers`. */
export interface ServerRow extends Schema.Schema.Type<typeof ServerRow> {}

/** A client: of a daemon a program, of a server a session. */
export const SessionRow = Schema.Struct({
  id,
  /** What it says that it is: its program, or its client's name and version. */
  client: Schema.String,
  state: Schema.optional(Schema.String),
  pid: Schema.optional(Schema.Int),
  directory: Schema.optional(Schema.String),
  /** What it has asked for: a server's name, a command. */
  wants: Schema.optional(Schema.String),
  principal: Schema.optional(Schema.String),
  /** Such as `streamable http`. */
  transport: Schema.optional(Schema.String),
  era: Schema.optional(Schema.String),
  openedAt: Schema.optional(time),
  lastSeenAt: Schema.optional(time),
  streams: Schema.optional(count),
  inFlight: Schema.optional(count),
  /** What waits for a reader that is slow. */
  bufferedBytes: Schema.optional(bytes),
  actions: Schema.Array(ActionName)
})
/** One row of `Snapshot.sessions`. */
export interface SessionRow extends Schema.Schema.Type<typeof SessionRow> {}

/** A stream of a server that is open. */
export const StreamRow = Schema.Struct({
  id,
  /** The `id` of its session, where it has one. */
  session: Schema.optional(Schema.String),
  kind: Schema.String,
  openedAt: Schema.optional(time),
  bufferedBytes: Schema.optional(bytes)
})
/** One row of `Snapshot.streams`. */
export interface StreamRow extends Schema.Schema.Type<typeof StreamRow> {}

/** A step of a job. */
export const JobStep = Schema.Struct({
  name: Schema.String,
  state: Schema.String,
  mood: Schema.Literals(["good", "busy", "bad", "off"]),
  startedAt: Schema.optional(time),
  millis: Schema.optional(millis),
  attempts: Schema.optional(count),
  message: Schema.optional(Schema.String)
})
/** One step of a `JobRow`, in the order they are taken. */
export interface JobStep extends Schema.Schema.Type<typeof JobStep> {}

/** A job of a server. */
export const JobRow = Schema.Struct({
  id,
  kind: Schema.String,
  state: Schema.String,
  mood: Schema.Literals(["good", "busy", "bad", "off"]),
  principal: Schema.optional(Schema.String),
  /** `total`: undefined where it is not known. */
  progress: Schema.optional(Schema.Struct({
    done: Schema.Finite,
    total: Schema.optional(Schema.Finite),
    message: Schema.optional(Schema.String)
  })),
  steps: Schema.Array(JobStep),
  createdAt: Schema.optional(time),
  startedAt: Schema.optional(time),
  endedAt: Schema.optional(time),
  attempts: Schema.optional(count),
  error: Schema.optional(Schema.String),
  actions: Schema.Array(ActionName)
})
/** One row of `Snapshot.jobs`. */
export interface JobRow extends Schema.Schema.Type<typeof JobRow> {}

/**
 * What has happened. `seq` grows by one from row to row of a list, and is never given twice by one host: what is new is known by it. `epoch` of the
 * `Snapshot` says when it begins anew.
 */
const happening = { seq: Schema.Int, at: time }

/** A call that is over. */
export const CallRow = Schema.Struct({
  ...happening,
  /** By which more can be asked. */
  call: Schema.optional(Schema.String),
  /** The server of a daemon; undefined for a server's own calls. */
  server: Schema.optional(Schema.String),
  /** The tool, or another name of what was asked. */
  name: Schema.String,
  by: Schema.optional(Holder),
  /** Words for people, such as `answered`. */
  outcome: Schema.String,
  mood: Schema.Literals(["good", "busy", "bad", "off"]),
  millis
})
/** One row of `Snapshot.calls`, the time line. */
export interface CallRow extends Schema.Schema.Type<typeof CallRow> {}

/** A client or a request that was not let in. */
export const RefusedRow = Schema.Struct({
  ...happening,
  server: Schema.optional(Schema.String),
  by: Schema.optional(Holder),
  reason: Schema.String,
  message: Schema.String
})
/** One row of `Snapshot.refused`. */
export interface RefusedRow extends Schema.Schema.Type<typeof RefusedRow> {}

/** What could not be started, or was lost, or has failed. */
export const FailureRow = Schema.Struct({
  ...happening,
  /** The server, or the job. */
  subject: Schema.String,
  message: Schema.String
})
/** One row of `Snapshot.failures`. */
export interface FailureRow extends Schema.Schema.Type<typeof FailureRow> {}

/** Something that waits. */
export const WaitingRow = Schema.Struct({
  id,
  /** What it waits for, such as a server's name. */
  subject: Schema.String,
  /** How many wait. Default: 1. */
  count: Schema.optional(count),
  /** Why, in words. */
  because: Schema.String,
  since: Schema.optional(time),
  until: Schema.optional(time)
})
/** One row of `Snapshot.waiting`. */
export interface WaitingRow extends Schema.Schema.Type<typeof WaitingRow> {}

/** A line of a chart: `key` names its value in each `Sample`. */
export const Series = Schema.Struct({ key: Schema.String, label: Schema.String })
/** One line of a `Chart`. */
export interface Series extends Schema.Schema.Type<typeof Series> {}

/** What a chart shows. */
export const Chart = Schema.Struct({
  title: Schema.String,
  unit: Schema.Literals(["count", "bytes"]),
  series: Schema.Array(Series)
})
/** One chart over the time of the samples. At most four series are told apart by colour. */
export interface Chart extends Schema.Schema.Type<typeof Chart> {}

/** What the host was like at a time. A key that is absent was not known then: the line has a gap. */
export const Sample = Schema.Struct({ at: time, values: Schema.Record(Schema.String, Schema.Finite) })
/** One point of every chart. */
export interface Sample extends Schema.Schema.Type<typeof Sample> {}

/** A line of a table of facts about the host, such as its limits. */
export const Fact = Schema.Struct({ label: Schema.String, value: Schema.String })
/** One fact, in words. */
export interface Fact extends Schema.Schema.Type<typeof Fact> {}

/** What changes of a host from moment to moment, and is no list. */
export const Head = Schema.Struct({
  kind: Schema.Literals(["daemon", "server"]),
  title: Schema.String,
  version: Schema.optional(Schema.String),
  pid: Schema.optional(Schema.Int),
  startedAt: Schema.optional(time),
  memory: Schema.optional(bytes),
  /** `gone`: what the page shows is about has ended, and the next one is waited for. */
  state: Schema.Literals(["live", "draining", "gone"]),
  /** What to say of that, and what to do next. */
  message: Schema.optional(Schema.String),
  /** Another one than before: of what went before, nothing goes on. */
  epoch: Schema.String,
  facts: Schema.Array(Fact),
  charts: Schema.Array(Chart),
  /** What can be done to the host itself. */
  actions: Schema.Array(ActionName),
  /** Whether `api/log` and `api/why` know the servers, or other rows, by their names. */
  hasLogs: Schema.Boolean,
  hasWhy: Schema.Boolean
})
/** Everything of a `Snapshot` that is no list. */
export interface Head extends Schema.Schema.Type<typeof Head> {}

/** `api/state`: all that the page shows, at one instant. Lists of what has happened are in the order of their `seq`, the newest last. */
export const Snapshot = Schema.Struct({
  head: Head,
  servers: Schema.optional(Schema.Array(ServerRow)),
  sessions: Schema.optional(Schema.Array(SessionRow)),
  streams: Schema.optional(Schema.Array(StreamRow)),
  jobs: Schema.optional(Schema.Array(JobRow)),
  waiting: Schema.optional(Schema.Array(WaitingRow)),
  calls: Schema.optional(Schema.Array(CallRow)),
  refused: Schema.optional(Schema.Array(RefusedRow)),
  failures: Schema.optional(Schema.Array(FailureRow)),
  samples: Schema.optional(Schema.Array(Sample))
})
/** All of it. */
export interface Snapshot extends Schema.Schema.Type<typeof Snapshot> {}

const changed = <Row extends Schema.Top>(row: Row) =>
  Schema.optional(Schema.Struct({
    /** Rows that are new or are not what they were, whole. */
    set: Schema.Array(row),
    /** By their ids: rows that are there no more. */
    gone: Schema.Array(Schema.String),
    /** The ids of all rows in their order, where that is another one. */
    order: Schema.optional(Schema.Array(Schema.String))
  }))

/**
 * `api/live`: what is another one than before, in server-sent events of the name `change`. The first event is a whole `Snapshot`, of the name
 * `state`; so is each one after which nothing goes on.
 */
export const Change = Schema.Struct({
  head: Schema.optional(Head),
  servers: changed(ServerRow),
  sessions: changed(SessionRow),
  streams: changed(StreamRow),
  jobs: changed(JobRow),
  waiting: changed(WaitingRow),
  /** Only new ones. What is older than the page keeps is forgotten there. */
  calls: Schema.optional(Schema.Array(CallRow)),
  refused: Schema.optional(Schema.Array(RefusedRow)),
  failures: Schema.optional(Schema.Array(FailureRow)),
  samples: Schema.optional(Schema.Array(Sample))
})
/** The difference of two snapshots of one epoch. */
export interface Change extends Schema.Schema.Type<typeof Change> {}

/** `api/log?of=<name>`: server-sent events of the name `lines`, whose data is an array of these: first the past, then what comes. */
export const LogLine = Schema.Struct({
  at: Schema.optional(time),
  pid: Schema.optional(Schema.Int),
  line: Schema.String
})
/** One line of a log. */
export interface LogLine extends Schema.Schema.Type<typeof LogLine> {}

/** A part of `Why`: a heading and its lines. */
export const WhyPart = Schema.Struct({
  title: Schema.String,
  entries: Schema.Array(Schema.Struct({
    at: Schema.optional(time),
    /** In a line: what became of it. */
    line: Schema.String,
    mood: Schema.Literals(["good", "busy", "bad", "off"]),
    /** The rest: messages, the last words on stderr, what to do. */
    details: Schema.Array(Schema.String)
  }))
})
/** One part of what is known of the past of something. */
export interface WhyPart extends Schema.Schema.Type<typeof WhyPart> {}

/** `api/why?of=<name>`: why it is as it is. */
export const Why = Schema.Struct({ of: Schema.String, parts: Schema.Array(WhyPart) })
/** The past of one server or job, for people. */
export interface Why extends Schema.Schema.Type<typeof Why> {}
