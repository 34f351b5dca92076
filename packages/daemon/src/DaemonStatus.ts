/**
 * What the daemon holds, as it tells it: for `holdfast daemon status`, and for any MCP client that reads `holdfast://daemon/status`.
 * The types of `ControlContract`, for programs that load no Schema.
 */
export type {
  DaemonStatus,
  ExplainedKey,
  Explanation,
  FailureStatus,
  ServerStatus,
  SessionStatus
} from "./ControlContract.ts"
