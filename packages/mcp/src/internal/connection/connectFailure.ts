/** What went wrong on the way to a connection, as the reasons that a user meets. */
import type { ProcessErrorReason } from "@holdfast/process/ProcessError"
import type { StdioEndpoint } from "../../Endpoint.ts"
import type { LinkClosed, LinkFailure } from "../../Link.ts"
import {
  CommandNotFound,
  ConnectionLost,
  type ConnectReason,
  HandshakeFailed,
  HttpRejected,
  ServerExited,
  SpawnFailed,
  Unreachable
} from "../../McpRuntimeError.ts"
import type { Redact } from "../link/redactSecrets.ts"
import type { CallFailure } from "./contract.ts"
import { withoutName } from "./naming.ts"

/** What a message about one server needs to know. */
export interface Place {
  readonly server: string
  /** The command, or the url without credentials. */
  readonly target: string
  readonly redact: Redact
}

/** What to do about a server that forgets its sessions: most likely there are several, none of which knows those of the others. */
export const stickiness =
  "If it runs behind a load balancer, all requests of a session must reach the replica that opened it: make its sessions sticky"

/** The process could not be started. */
export const ofSpawn = (server: string, { cwd }: StdioEndpoint, reason: ProcessErrorReason): ConnectReason => {
  const { command } = reason
  switch (reason._tag) {
    case "CommandNotFound":
      return new CommandNotFound({ server, command, searched: reason.searched.join(":") })
    case "NotExecutable":
      return new SpawnFailed({
        server,
        command,
        code: "EACCES",
        description: `${reason.path} ${reason.description}`,
        retryable: false
      })
    case "BadWorkingDirectory":
      return new SpawnFailed({
        server,
        command,
        code: "ENOENT",
        description: `its working directory ${reason.cwd} ${reason.description}` +
          (cwd === undefined ? "" : "; see cwd in the config"),
        retryable: false
      })
    case "ResourceExhausted":
      return new SpawnFailed({ server, command, code: reason.code, description: reason.message, retryable: true })
    case "SpawnFailed":
      return new SpawnFailed({ server, command, code: reason.code, description: reason.description, retryable: false })
  }
}

/** The link was lost after the handshake. */
export const ofLoss = ({ redact, server, target }: Place, closed: LinkClosed): ConnectReason => {
  const lost = (description: string) =>
    new ConnectionLost({ server, delivery: "NotSent", description: redact(description) })
  switch (closed._tag) {
    case "ProcessEnded": {
      const end = { ...closed.end, stderrTail: redact(closed.end.stderrTail) }
      return new ConnectionLost({ server, delivery: "NotSent", description: "the server's process ended", end })
    }
    case "Unreachable":
      return new Unreachable({ server, url: target, description: redact(closed.description) })
    case "PipeBroken":
      return lost(closed.description)
    case "SessionLost":
      return new ConnectionLost({ server, delivery: "Refused", description: redact(closed.description) })
    case "Released":
      return lost("it was closed here")
  }
}

/** What the handshake can meet: a failed call, a lost link, last words. */
export interface HandshakeTrouble {
  readonly failure: CallFailure
  readonly linkFailure: LinkFailure | undefined
  readonly closed: LinkClosed | undefined
  readonly stderrTail: string
}

/** The handshake failed, and this is the reason behind it. */
export const ofHandshake = (
  place: Place,
  { closed, failure, linkFailure, stderrTail }: HandshakeTrouble
): ConnectReason => {
  const { redact, server, target } = place
  const words = stderrTail === "" ? {} : { stderrTail: redact(stderrTail) }
  const failed = (description: string) => new HandshakeFailed({ server, description, ...words })
  if (closed?._tag === "ProcessEnded") {
    const end = { ...closed.end, stderrTail: redact(closed.end.stderrTail) }
    return new ServerExited({ server, command: target, end })
  }
  if (closed?._tag === "PipeBroken") return failed(closed.description)
  if (failure._tag === "ConnectionLost" && failure.delivery === "Refused") {
    const description = `${failure.description}, which it has opened just now. ${stickiness}`
    return new ConnectionLost({ server, delivery: "Refused", description })
  }
  if (closed !== undefined) return ofLoss(place, closed)
  switch (failure._tag) {
    case "HttpRejected":
      return failure
    case "ServerError":
      // The daemon's answer begins with the name.
      return failed(`${withoutName(failure.description, server)} (code ${failure.code})`)
    case "InvalidAnswer":
      return failed(failure.description)
    case "OutcomeUnknown":
    case "ConnectionLost": {
      // A gateway's 5xx: the server behind it may come back, which a status tells better than words.
      if (linkFailure?._tag === "Lost" && linkFailure.status !== undefined) {
        const { description, status } = linkFailure
        return new HttpRejected({ server, url: target, status, description: redact(description) })
      }
      return new Unreachable({ server, url: target, description: failure.description })
    }
    case "DeadlineExceeded":
    case "TooBusy":
      return failed(withoutName(failure.message, server))
  }
}
