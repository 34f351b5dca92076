/**
 * What the daemon holds, as it tells it: for `holdfast daemon status`, and for any MCP client that reads `holdfast://daemon/status`.
 *
 * What is added here later is optional: clients meet daemons of other versions.
 */

export interface DaemonStatus {
  readonly pid: number
  readonly version: string
  readonly directory: string
  /** It has made way for a newer one, and ends with its last session. */
  readonly isLeaving: boolean
  readonly sessions: ReadonlyArray<SessionStatus>
  readonly servers: ReadonlyArray<ServerStatus>
  /** The last ones, the newest last. */
  readonly failures: ReadonlyArray<FailureStatus>
}

/** A client, in its own words. */
export interface SessionStatus {
  readonly program: string
  readonly pid: number
  readonly directory: string
  readonly wants: string
}

/** A process of a server, or one that is to be. */
export interface ServerStatus {
  readonly name: string
  /** With its arguments. */
  readonly command: string
  readonly directory: string
  /** Equal for programs that may share a process. */
  readonly key: string
  /** Equal for programs that would share one if it were said that they may. */
  readonly likeness: string
  /** Its number, where each host has one. */
  readonly instance: number | undefined
  /** For `SharedServers`: the command and its arguments, digested with a secret of the user. Undefined: there is no secret yet. */
  readonly digest: string | undefined
  /** Undefined: a server behind a url, whose client speaks what it speaks. */
  readonly era: "legacy" | "modern" | undefined
  readonly sharing: "shared" | "exclusive"
  /** `leaving`: it ends when the last session that has it leaves. */
  readonly state: "starting" | "in use" | "idle" | "leaving" | "backing off" | "quarantined"
  /** Undefined: there is none now. */
  readonly pid: number | undefined
  /** Milliseconds since 1970. */
  readonly startedAt: number | undefined
  /** The sessions that have it. */
  readonly leases: ReadonlyArray<SessionStatus>
  /** How many sessions wait for a process of this key. */
  readonly waiting: number
  /** Until the next try, in milliseconds, while it backs off or is quarantined. */
  readonly retryInMillis: number | undefined
  readonly lastFailure: string | undefined
}

/** A process that could not be started, or that was lost. */
export interface FailureStatus {
  readonly server: string
  /** Milliseconds since 1970. */
  readonly at: number
  readonly message: string
}

/** What keeps the processes of a server apart. */
export interface Explanation {
  readonly keys: ReadonlyArray<ExplainedKey>
  /** Of this server, the newest last. */
  readonly failures: ReadonlyArray<FailureStatus>
}

/** Processes that are equal in everything that counts. */
export interface ExplainedKey {
  readonly key: string
  readonly era: "legacy" | "modern"
  readonly sharing: "shared" | "exclusive"
  readonly pids: ReadonlyArray<number>
  readonly leases: ReadonlyArray<SessionStatus>
  /** In which parts it differs from the first one, in words. No values of variables. */
  readonly differs: ReadonlyArray<string>
}
