/**
 * What to do about a failure, by the name of its reason, and the page that says more.
 *
 * @example
 * ```ts
 * import * as Advice from "@holdfast/mcp/Advice"
 * import type { McpRuntimeError } from "@holdfast/mcp"
 *
 * export const advise = ({ message, reason }: McpRuntimeError): string =>
 *   `${message}\n${Advice.adviceFor(reason._tag) ?? ""}`
 * ```
 */
import type { Try } from "./Explanation.ts"

/** A sentence or two. Undefined: the message says it. */
export const adviceFor = (reason: string): string | undefined => advice[reason]

/** Undefined: there is none. */
export const pageFor = (reason: string): string | undefined => reason in advice ? `docs/errors/${reason}.md` : undefined

/** A try with what to do about its failure, if it is one. */
export const advised = (attempt: Try): Try => {
  const { reason } = attempt
  return reason === undefined ? attempt : { ...attempt, advice: adviceFor(reason), page: pageFor(reason) }
}

const byHand = "Run the command by hand: a stdio server must stay running and wait for input."

const advice: Readonly<Record<string, string>> = {
  AuthorizationRefused: "Check the credentials and headers of this server in the config.",
  BadWorkingDirectory: "Correct cwd in the config, or make the directory.",
  CommandNotFound: "Install the command, or give its full path in the config.",
  ConnectionLost: "Look at the end of its stderr. The next request starts it again.",
  DeadlineExceeded: "Give the call a longer deadline, or look into why the server is slow.",
  HandshakeFailed: `It does not speak MCP in this way. ${byHand}`,
  HandshakeTimeout: "Raise holdfast.connectTimeout in the config if the server needs longer to start.",
  HttpRejected: "Check the url, and the headers and credentials of this server in the config.",
  InvalidAnswer: "The server breaks the protocol: report it to its makers.",
  NotExecutable: "Make the file executable, or name the program that runs it as the command.",
  OutcomeUnknown: "Check the effect of the call before calling again.",
  Quarantined: "It failed too often. holdfast reset tries at once.",
  RequestDeclined: "Answer the server's question: from a terminal, or with --park.",
  ResourceExhausted: "End what is not needed: the system has no room for another process.",
  ServerError: "The server itself refuses this: its own words say why.",
  ServerExited: `Read its stderr. ${byHand} Name the variables that it needs under env.`,
  SpawnFailed: "Check the command, its directory and their permissions.",
  TooBusy: "End what is idle, or raise the limit that the message names.",
  Unreachable: "Check that the server runs, and that the url and the proxy are right."
}
