/**
 * What the calls of one connection fail with, in words that people can read: what a peer says is told without the secrets of its
 * endpoint, and not at length.
 */
import type * as JsonRpc from "@holdfast/protocol/JsonRpc"
import type { LinkClosed, LinkFailure } from "../../Link.ts"
import { ConnectionLost, HttpRejected, InvalidAnswer, OutcomeUnknown, ServerError } from "../../McpRuntimeError.ts"
import type { Boundary } from "../link/Boundary.ts"
import type { Redact } from "../link/redactSecrets.ts"
import type { CallFailure } from "./contract.ts"

export interface CallFailuresOptions {
  readonly server: string
  /** The HTTP endpoint for messages; empty for stdio. */
  readonly url: string
  readonly redact: Redact
  readonly boundary: Boundary
}

export class CallFailures {
  readonly #options: CallFailuresOptions
  /** Why the connection has ended, once it has. */
  closed: LinkClosed | undefined

  constructor(options: CallFailuresOptions) {
    this.#options = options
  }

  /** What a peer says, fit for a message. */
  said(words: string): string {
    const redacted = this.#redacted(words)
    return redacted.length > mostSaid
      ? `${redacted.slice(0, mostSaid)}… (${redacted.length} characters)`
      : redacted
  }

  /** The server's answer is an error. */
  answered(method: string, { code, data, message }: JsonRpc.ErrorObject): ServerError {
    return new ServerError({ server: this.#options.server, method, code, description: this.said(message), data })
  }

  invalid(method: string, description: string): InvalidAnswer {
    return new InvalidAnswer({ server: this.#options.server, method, description: this.said(description) })
  }

  /** The link brings no answer. */
  ofLink(method: string, failure: LinkFailure): CallFailure {
    const { server, url } = this.#options
    const description = this.said(failure.description)
    switch (failure._tag) {
      case "Unintelligible":
        return new InvalidAnswer({ server, method, description })
      case "Rejected": {
        const { retryAfterMillis, status } = failure
        return new HttpRejected({
          server,
          url,
          status,
          description,
          ...(retryAfterMillis !== undefined && { retryAfterMillis })
        })
      }
      case "Lost": {
        const { delivery, status } = failure
        if (delivery !== "Unknown") return new ConnectionLost({ server, method, delivery, description })
        const what = status === undefined ? description : `HTTP ${status} (${description})`
        return new OutcomeUnknown({
          server,
          method,
          description: what,
          attempts: 1,
          ...(status !== undefined && { status })
        })
      }
    }
  }

  /** The connection ended before the call was handed over, or had ended before the call. */
  notSent(method: string): ConnectionLost {
    const { server } = this.#options
    return new ConnectionLost({ server, method, delivery: "NotSent", description: this.#why(), ...this.#end() })
  }

  /** The connection ended after the call was handed over. */
  unknown(method: string): OutcomeUnknown {
    const { server } = this.#options
    return new OutcomeUnknown({ server, method, description: this.#why(), attempts: 1, ...this.#end() })
  }

  /** What cannot be searched for secrets is one. */
  #redacted(words: string): string {
    try {
      return this.#options.redact(words)
    } catch (error) {
      this.#options.boundary.report("the redaction of secrets", error)
      return "<redacted>"
    }
  }

  #why(): string {
    switch (this.closed?._tag) {
      case "ProcessEnded":
        return "the server's process ended"
      case "PipeBroken":
      case "Unreachable":
      case "SessionLost":
        return this.said(this.closed.description)
      case "Released":
        return "the connection was closed"
      case undefined:
        return "the connection is not open"
    }
  }

  #end(): Pick<OutcomeUnknown, "end"> {
    if (this.closed?._tag !== "ProcessEnded") return {}
    const { end } = this.closed
    return { end: { ...end, stderrTail: this.#redacted(end.stderrTail) } }
  }
}

/** Longest description of what a peer said. */
const mostSaid = 2000
