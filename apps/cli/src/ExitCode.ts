/**
 * What the process's exit code says. Part of the public contract: documented in the README, changed only in a major version.
 */
import type { Reason } from "@holdfast/mcp"

/** The exit codes by meaning. */
export const ExitCode = {
  /** Done. For a call: the tool answered. */
  ok: 0,
  /** The tool answered that it failed (`isError`); or `doctor` has found something to do. */
  toolError: 1,
  /** Unknown command, server, tool or argument; an argument of the wrong type. Nothing was called. */
  usage: 2,
  /** The configuration is missing or wrong. */
  config: 3,
  /** No connection to the server. The call did not run. */
  cannotConnect: 4,
  /** A deadline passed. */
  deadline: 5,
  /** The call was sent and its connection lost, or its task by the server: it may have run. */
  outcomeUnknown: 6,
  /** Refused: the server's protocol error, or something that is no answer; or a question of the server without anyone to ask; or its task was cancelled. */
  refused: 7,
  /** This Node.js is too old. 69 is EX_UNAVAILABLE of sysexits.h. */
  unavailable: 69,
  /** A fault of this program. 70 is EX_SOFTWARE of sysexits.h. */
  internal: 70,
  /** The result could not be written to stdout; a call has run. 74 is EX_IOERR of sysexits.h. */
  outputUnwritable: 74,
  /** Stopped by SIGINT, SIGTERM or SIGHUP. */
  interrupted: 130
} as const
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode]

/** Every exit code in a line: the help and the README say the same. */
export const exitCodes: ReadonlyArray<readonly [code: ExitCode, meaning: string]> = [
  [ExitCode.ok, "done; for a call: the tool answered"],
  [ExitCode.toolError, "the tool answered that it failed (`isError`); or `doctor` has found something to do"],
  [
    ExitCode.usage,
    "unknown command, server, tool or argument, or an argument of the wrong type; nothing was called"
  ],
  [ExitCode.config, "the configuration is missing or wrong"],
  [ExitCode.cannotConnect, "no connection to a server; the call did not run"],
  [ExitCode.deadline, "a deadline passed"],
  [ExitCode.outcomeUnknown, "the call was sent and its connection lost, or its task by the server: it may have run"],
  [
    ExitCode.refused,
    "refused: the server answered with a protocol error, or with what is no answer; or it asked a question, and there is no terminal to ask on; or its task was cancelled"
  ],
  [ExitCode.unavailable, "this Node.js is too old; nothing was done"],
  [ExitCode.internal, "a fault of this program"],
  [ExitCode.outputUnwritable, "the result cannot be written to stdout (a full disk); a call has run"],
  [ExitCode.interrupted, "stopped by SIGINT, SIGTERM or SIGHUP"]
]

/** The exit code for a failure of the runtime. */
export const exitCodeOf = (reason: Reason): ExitCode => {
  switch (reason._tag) {
    case "UnknownServer":
    case "UnknownTool":
    case "ToolDisabled":
    case "NotATask":
      return ExitCode.usage
    case "ConfigInvalid":
      return ExitCode.config
    case "ToolFailed":
      return ExitCode.toolError
    case "DeadlineExceeded":
      return ExitCode.deadline
    case "OutcomeUnknown":
    case "TaskNotFound":
      return ExitCode.outcomeUnknown
    case "ServerError":
    case "InvalidAnswer":
    case "OutputInvalid":
    case "TaskCancelled":
      return ExitCode.refused
    case "CommandNotFound":
    case "SpawnFailed":
    case "ServerExited":
    case "HandshakeTimeout":
    case "HandshakeFailed":
    case "Unreachable":
    case "HttpRejected":
    case "ConnectionLost":
    case "TooBusy":
    case "Quarantined":
    case "NotReady":
    case "ShuttingDown":
      return ExitCode.cannotConnect
  }
}
