/**
 * What the daemon's own server says and is asked, as Schemas: for the command line program, and for any MCP client of it.
 *
 * Nothing here runs: the module loads `effect/Schema` and no more. What is added later is optional, because clients meet daemons of other
 * versions. Times are milliseconds since 1970, durations milliseconds, sizes bytes.
 *
 * @example
 * ```ts
 * import * as ControlContract from "@holdfast/daemon/ControlContract"
 * import * as Schema from "effect/Schema"
 *
 * // From the text of the resource `ControlContract.uris.status`, read by any MCP client.
 * export const namesIn = (text: string): ReadonlyArray<string> =>
 *   Schema.decodeSync(Schema.fromJsonString(ControlContract.DaemonStatus))(text).servers.map(({ name }) => name)
 * ```
 */
import { CallRecord, Era, StepName, Try } from "@holdfast/mcp/Explanation"
import * as Schema from "effect/Schema"

const name = (server: string): string => encodeURIComponent(server)

/** The resources. `history` and `log` of a server are of all that have its name, or of the one that the process of a number is of. */
export const uris = {
  status: "holdfast://daemon/status",
  log: "holdfast://daemon/log",
  events: "holdfast://daemon/events",
  questions: "holdfast://daemon/questions",
  /** The resource with `Samples`. Daemons of older versions do not have it. */
  samples: "holdfast://daemon/samples",
  /** The resource with a server's `ServerLog`, by its name or the number of one of its processes. */
  logOf: (server: string): string => `holdfast://daemon/log/${name(server)}`,
  /** The resource with a server's `History`, by its name or the number of one of its processes. */
  historyOf: (server: string): string => `holdfast://daemon/history/${name(server)}`
} as const

/** What a client says in `_meta` of `tools/call`, and what the answer says there if the call has been parked. */
export const meta = {
  /** `true`: a question of the server is kept, and the call with it, where it would be refused else. */
  park: "holdfast/park",
  /** `Parked`, in `_meta` of the result. */
  parked: "holdfast/parked"
} as const

const size = Schema.Int

/** A client, in its own words. */
export const SessionStatus = Schema.Struct({
  program: Schema.String,
  pid: Schema.Int,
  directory: Schema.String,
  wants: Schema.String
})
/** A client, as its own first line describes it. Nothing of it has been checked. */
export interface SessionStatus extends Schema.Schema.Type<typeof SessionStatus> {}

/** Of a process with all that it has started, where the system tells it. */
export const Memory = Schema.Struct({
  /** What is in memory, where what is shared counts for each. */
  rss: size,
  /** The same, where what is shared counts once. */
  pss: Schema.optional(size)
})
/** Bytes of memory. The sum of `pss` over processes is what they use together; that of `rss` may be more. */
export interface Memory extends Schema.Schema.Type<typeof Memory> {}

export {
  /** The two ways in which MCP begins: by `initialize` (`legacy`), or by `server/discover` (`modern`). */
  Era
} from "@holdfast/mcp/Explanation"

/** Where a server comes from: an entry of a config file, or a command that a program has brought along. */
export const Origin = Schema.Union([
  Schema.Struct({ from: Schema.Literal("config"), file: Schema.String }),
  Schema.Struct({ from: Schema.Literal("command"), command: Schema.String })
])
export type Origin = typeof Origin.Type

/** A process of a server, or one that is to be. A server behind a url has one as well, without a pid: its session. */
export const ServerStatus = Schema.Struct({
  name: Schema.String,
  origin: Schema.optional(Origin),
  /** With its arguments; or the url. */
  command: Schema.String,
  directory: Schema.String,
  /** Equal for programs that may share a process. */
  key: Schema.String,
  /** Equal for programs that would share one if it were said that they may. */
  likeness: Schema.String,
  /** Its number, where each host has one. */
  instance: Schema.optional(Schema.Int),
  /** For `SharedServers`: the command and its arguments, digested with a secret of the user. Undefined: there is no secret yet. */
  digest: Schema.optional(Schema.String),
  /** Undefined: a server behind a url that has not been greeted. */
  era: Schema.optional(Era),
  sharing: Schema.Literals(["shared", "exclusive"]),
  /** `leaving`: it ends when the last session that has it leaves. */
  state: Schema.Literals(["starting", "in use", "idle", "leaving", "backing off", "quarantined"]),
  /** Undefined: there is none now. */
  pid: Schema.optional(Schema.Int),
  startedAt: Schema.optional(Schema.Finite),
  ageMillis: Schema.optional(Schema.Finite),
  /** The sessions that have it. */
  leases: Schema.Array(SessionStatus),
  /** Requests without an answer yet. */
  inFlight: Schema.optional(Schema.Int),
  /** Tasks for which it is kept: they have not ended, or their results were not fetched. Undefined: none. */
  tasks: Schema.optional(Schema.Int),
  /** How many sessions wait for a process of this key. */
  waiting: Schema.Int,
  /** Until the next try, while it backs off or is quarantined. */
  retryInMillis: Schema.optional(Schema.Finite),
  lastFailure: Schema.optional(Schema.String),
  memory: Schema.optional(Memory)
})
/** One row of `DaemonStatus.servers`. */
export interface ServerStatus extends Schema.Schema.Type<typeof ServerStatus> {}

/** All that the daemon knows of one server. */
export const ServerOverview = Schema.Struct({
  name: Schema.String,
  /** Undefined: only its catalogue is known. */
  origin: Schema.optional(Origin),
  /**
   * `configured`: a program has named it. `known`: its lists are in the catalogue. `started`: it has a process. `used`: a session has that
   * process. Each holds what those before it say.
   */
  catalogue: Schema.Literals(["configured", "known", "started", "used"]),
  /** Those that it has been spoken to in. */
  eras: Schema.Array(Era),
  /** Undefined: they were never listed to the end. */
  tools: Schema.optional(Schema.Int),
  processes: Schema.Array(ServerStatus),
  inFlight: Schema.Int,
  waiting: Schema.Int,
  /** Sum of its processes. */
  memory: Schema.optional(Memory),
  /** What one process for all of its programs would save. 0: nothing, or it is shared. */
  sharingWouldSave: size
})
/** One row of `DaemonStatus.overview`. */
export interface ServerOverview extends Schema.Schema.Type<typeof ServerOverview> {}

/** A process that could not be started, or that was lost. */
export const FailureStatus = Schema.Struct({ server: Schema.String, at: Schema.Finite, message: Schema.String })
/** One failure, with its time and a sentence for people. */
export interface FailureStatus extends Schema.Schema.Type<typeof FailureStatus> {}

/** How much the daemon may hold, as its environment or its defaults have it. */
export const Limits = Schema.Struct({
  /** Processes of all programs together. */
  processes: Schema.Int,
  /** Processes that one program uses. */
  perProgram: Schema.Int,
  /** Processes that are started at once. */
  starts: Schema.Int,
  /** Bytes that are to be left. */
  memoryReserve: Schema.Finite
})
/** The limits that `Admission` keeps, as the daemon tells them. */
export interface Limits extends Schema.Schema.Type<typeof Limits> {}

/** The resource and the tool `status`. */
export const DaemonStatus = Schema.Struct({
  pid: Schema.Int,
  version: Schema.String,
  directory: Schema.String,
  /** It has made way for a newer one, and ends with its last session. */
  isLeaving: Schema.Boolean,
  sessions: Schema.Array(SessionStatus),
  /** A row a process. */
  servers: Schema.Array(ServerStatus),
  /** The last ones, the newest last. */
  failures: Schema.Array(FailureStatus),
  startedAt: Schema.optional(Schema.Finite),
  uptimeMillis: Schema.optional(Schema.Finite),
  /** Of the daemon alone. */
  memory: Schema.optional(Memory),
  limits: Schema.optional(Limits),
  /** A row a server. */
  overview: Schema.optional(Schema.Array(ServerOverview)),
  /** How many wait for an answer. */
  questions: Schema.optional(Schema.Int)
})
/** All that the daemon holds, at one instant. */
export interface DaemonStatus extends Schema.Schema.Type<typeof DaemonStatus> {}

/** Processes that are equal in everything that counts. */
export const ExplainedKey = Schema.Struct({
  key: Schema.String,
  era: Era,
  sharing: Schema.Literals(["shared", "exclusive"]),
  pids: Schema.Array(Schema.Int),
  leases: Schema.Array(SessionStatus),
  /** In which parts it differs from the first one, in words. No values of variables. */
  differs: Schema.Array(Schema.String)
})
/** One group of processes that programs may share, and why they share it with no other group. */
export interface ExplainedKey extends Schema.Schema.Type<typeof ExplainedKey> {}

/** What keeps the processes of a server apart: the tool `why`. */
export const Explanation = Schema.Struct({
  keys: Schema.Array(ExplainedKey),
  /** Of this server, the newest last. */
  failures: Schema.Array(FailureStatus)
})
/** The answer of the tool `why`: the first key is the one that the others are compared with. */
export interface Explanation extends Schema.Schema.Type<typeof Explanation> {}

export {
  /** One call of a tool: how it came to its process, and what became of it. The same shape as `McpConnections.explain` has. */
  CallRecord,
  /** One step of a try, and how many milliseconds it took. */
  Step,
  /** The steps that a try may have. */
  StepName,
  /** One try to start a server, or to list or call something. The same shape as `McpConnections.explain` has. */
  Try
} from "@holdfast/mcp/Explanation"

/** `history/<server>`. */
export const History = Schema.Struct({
  server: Schema.String,
  /** The newest last; at most twenty starts and twenty lists or calls that failed. */
  tries: Schema.Array(Try),
  /** What keeps its processes apart. */
  keys: Schema.Array(ExplainedKey),
  /** The last calls of its tools, the newest last: how each came to its process, and what became of it. */
  calls: Schema.optional(Schema.Array(CallRecord))
})
/** The past of one server, as far as the daemon remembers it. It ends with the daemon. */
export interface History extends Schema.Schema.Type<typeof History> {}

/** A line that a server has written to stderr. */
export const LogLine = Schema.Struct({ at: Schema.Finite, pid: Schema.Int, line: Schema.String })
/** One line of stderr, without its end. */
export interface LogLine extends Schema.Schema.Type<typeof LogLine> {}

/** `log/<server>`: the newest last, at most 500, of all of its processes one after another. */
export const ServerLog = Schema.Struct({ server: Schema.String, lines: Schema.Array(LogLine) })
/** The stderr of one server, as far as the daemon remembers it. */
export interface ServerLog extends Schema.Schema.Type<typeof ServerLog> {}

const common = { seq: Schema.Int, at: Schema.Finite }
const ofProcess = { ...common, server: Schema.String, pid: Schema.Int }
const ending = {
  reason: Schema.String,
  message: Schema.String,
  exitCode: Schema.optional(Schema.Int),
  signal: Schema.optional(Schema.String)
}

/** What has happened, one object each. `seq` counts them for one daemon. */
export const Event = Schema.Union([
  /** A process was started. `restarted`: the one before it was lost. */
  Schema.Struct({ event: Schema.Literals(["started", "restarted"]), ...ofProcess }),
  /** The handshake is done. */
  Schema.Struct({ event: Schema.Literal("ready"), ...ofProcess, era: Era, millis: Schema.Finite }),
  /** It could not be started, or did not finish the handshake. */
  Schema.Struct({
    event: Schema.Literal("failed"),
    ...common,
    server: Schema.String,
    pid: Schema.optional(Schema.Int),
    step: StepName,
    ...ending
  }),
  /** It was ready, and ended by itself. */
  Schema.Struct({ event: Schema.Literal("lost"), ...ofProcess, ...ending }),
  /** It was not needed any more, or was told to end. */
  Schema.Struct({ event: Schema.Literal("ended"), ...ofProcess }),
  /** A session was given a process, or has given it back. A server behind a url has no pid. */
  Schema.Struct({
    event: Schema.Literals(["leased", "returned"]),
    ...common,
    server: Schema.String,
    pid: Schema.optional(Schema.Int),
    by: SessionStatus
  }),
  /** The call of a tool is over. `delivery`: `answered`, `NotSent`, `Unknown`, `cancelled`, or `left`. */
  Schema.Struct({
    event: Schema.Literal("called"),
    ...common,
    server: Schema.String,
    tool: Schema.String,
    by: SessionStatus,
    delivery: Schema.String,
    /** Its id, by which `call` tells more of it. */
    call: Schema.optional(Schema.String),
    /** Of an error that it was answered with. */
    code: Schema.optional(Schema.Finite),
    isError: Schema.optional(Schema.Boolean),
    millis: Schema.Finite
  }),
  /** A client was not let in, or got no server. `by`: undefined where it has not said its name. */
  Schema.Struct({
    event: Schema.Literal("refused"),
    ...common,
    server: Schema.optional(Schema.String),
    by: Schema.optional(SessionStatus),
    reason: Schema.String,
    message: Schema.String
  }),
  /** A question was kept, or is over: answered, or with its call. */
  Schema.Struct({
    event: Schema.Literals(["asked", "settled"]),
    ...common,
    question: Schema.String,
    call: Schema.String,
    server: Schema.String,
    tool: Schema.String
  }),
  /** The daemon makes way for a newer version. */
  Schema.Struct({ event: Schema.Literal("leaving"), ...common, version: Schema.String })
])
export type Event = typeof Event.Type

/** The resource `events`: the last ones, the newest last. */
export const Events = Schema.Struct({ events: Schema.Array(Event) })
/** The events that the daemon remembers. A gap in `seq` before the first one is what it has forgotten. */
export interface Events extends Schema.Schema.Type<typeof Events> {}

/** What the daemon was like at a time, and what has happened since the sample before. */
export const Sample = Schema.Struct({
  at: Schema.Finite,
  /** Calls of tools that were over. */
  calls: Schema.Int,
  /** Of those the ones that have failed; and processes that could not be started or were lost. */
  failures: Schema.Int,
  /** Requests without an answer. */
  inFlight: Schema.Int,
  /** Sessions that waited for a process. */
  waiting: Schema.Int,
  processes: Schema.Int,
  sessions: Schema.Int,
  /** Bytes of all processes together, as they were when something happened last. */
  memory: Schema.optional(size),
  /** Bytes of the daemon alone. */
  ownMemory: Schema.optional(size)
})
/** One row of `Samples`. */
export interface Sample extends Schema.Schema.Type<typeof Sample> {}

/** The resource `samples`: those of the last hour, the newest last. */
export const Samples = Schema.Struct({
  /** From one sample to the next. */
  everyMillis: Schema.Finite,
  samples: Schema.Array(Sample)
})
/** The last hour of the daemon, for charts. It ends with the daemon. */
export interface Samples extends Schema.Schema.Type<typeof Samples> {}

/** A question of a server that waits for its answer. */
export const Question = Schema.Struct({
  id: Schema.String,
  /** The call that waits for it: see `CallResult`. */
  call: Schema.String,
  server: Schema.String,
  tool: Schema.String,
  message: Schema.String,
  /** `form`: `content` is to be of `requestedSchema`. `url`: a person is to go there. */
  mode: Schema.Literals(["form", "url"]),
  requestedSchema: Schema.optional(Schema.Unknown),
  url: Schema.optional(Schema.String),
  at: Schema.Finite,
  ageMillis: Schema.Finite,
  from: SessionStatus
})
/** One question, from the moment it is kept until it is answered or its call is over. */
export interface Question extends Schema.Schema.Type<typeof Question> {}

/** The resource `questions`: the oldest first. */
export const Questions = Schema.Struct({ questions: Schema.Array(Question) })
/** The questions of one daemon that have no answer yet. */
export interface Questions extends Schema.Schema.Type<typeof Questions> {}

/** In the answer to a call that has been parked. */
export const Parked = Schema.Struct({ call: Schema.String, questions: Schema.Array(Question) })
/** What a client gets in place of the result, and by which it can ask for that. */
export interface Parked extends Schema.Schema.Type<typeof Parked> {}

/** The arguments of the tool `answer`. `content`: of an accepted form. */
export const Answer = Schema.Struct({
  id: Schema.String,
  action: Schema.Literals(["accept", "decline", "cancel"]),
  content: Schema.optional(Schema.Record(Schema.String, Schema.Unknown))
})
/** The answer of a person to one question. An `id` that the daemon does not know is refused in a sentence. */
export interface Answer extends Schema.Schema.Type<typeof Answer> {}

/** The arguments of the tool `result`: the id of a parked call, or of one of its questions. */
export const ResultOf = Schema.Struct({
  id: Schema.String,
  /** Waits so long for the call to end, or to ask something else. Default: not at all. */
  waitMillis: Schema.optional(Schema.Int)
})
/** Which call is asked for, and how many milliseconds its client can wait. */
export interface ResultOf extends Schema.Schema.Type<typeof ResultOf> {}

/** The answer of the tools `answer` and `result`. */
export const CallResult = Schema.Struct({
  call: Schema.String,
  server: Schema.String,
  tool: Schema.String,
  /** `asking`: a question waits for its answer. `done`: there is `result` or `error`, as the server has written it. */
  state: Schema.Literals(["running", "asking", "done"]),
  questions: Schema.Array(Question),
  result: Schema.optional(Schema.Unknown),
  error: Schema.optional(Schema.Unknown)
})
/** The state of a parked call. A call that is `done` has no open questions. */
export interface CallResult extends Schema.Schema.Type<typeof CallResult> {}

/**
 * The arguments of the tool `follow`, whose call lasts until it is cancelled: each item is the `message` of a `notifications/progress`, whose
 * `progress` is its number. `events`: an `Event` each. `log`: a line of the daemon's log each. `log` with `server`: a `LogLine` each.
 */
export const Follow = Schema.Struct({
  what: Schema.Literals(["events", "log"]),
  server: Schema.optional(Schema.String),
  /** Begins with those after this number that are still known. Default: with what comes. 0: with the oldest that is known. */
  after: Schema.optional(Schema.Int)
})
/** Which items are followed, and from which number on. */
export interface Follow extends Schema.Schema.Type<typeof Follow> {}
