/**
 * What is remembered of one server for the question why: its last tries and its last calls.
 *
 * Of calls only the last 32 are kept, so that a reader sees what goes on now; those that wait or run are among them as long as no
 * 32 others came after.
 */
import type { CallRecord, Try } from "../../Explanation.ts"
import type { McpConnection } from "../connection/contract.ts"
import { CallNote, type Used } from "./CallNote.ts"
import { Ring } from "./Ring.ts"

const mostTries = 10
const mostCalls = 32

/** So many are told of with an error. */
const mostOfError = 5

/** Of a connection that is there. */
interface Opened extends Used {
  /** That has opened it. */
  readonly attempt: Try | undefined
}

export class ServerHistory {
  readonly #tries = new Ring<Try>(mostTries)
  readonly #calls = new Ring<CallNote>(mostCalls)
  readonly #connections = new WeakMap<McpConnection, Opened>()
  /** Lists, as steps of the tries that have opened their connections. */
  readonly #listed = new WeakMap<Try, Map<string, number>>()
  #serial = 0
  #last: Try | undefined

  tried(attempt: Try): void {
    this.#last = attempt
    this.#tries.add(attempt)
  }

  /** The last try has led to this connection. */
  opened(connection: McpConnection): void {
    const attempt = this.#last?.outcome === "ready" ? this.#last : undefined
    this.#connections.set(connection, { uses: 0, attempt })
  }

  /** A list has come over a connection. The first of its kind belongs to the try that has opened it. */
  listed(connection: McpConnection, method: string, millis: number): void {
    const attempt = this.#connections.get(connection)?.attempt
    if (attempt === undefined) return
    const lists = this.#listed.get(attempt) ?? new Map<string, number>()
    if (!lists.has(method)) lists.set(method, millis)
    this.#listed.set(attempt, lists)
  }

  /** A call begins. */
  called(method: string, name: string | undefined): CallNote {
    const note = new CallNote(this.#connections, ++this.#serial, method, name)
    this.#calls.add(note)
    return note
  }

  tries(): ReadonlyArray<Try> {
    return this.#tries.toArray().map((attempt) => {
      const lists = this.#listed.get(attempt)
      if (lists === undefined) return attempt
      const steps = [...lists].map(([what, millis]) => ({ step: "list" as const, what, millis }))
      return { ...attempt, steps: [...attempt.steps, ...steps] }
    })
  }

  /** As errors have them. */
  lastTries(): ReadonlyArray<Try> {
    return this.tries().slice(-mostOfError)
  }

  calls(server: string, now: number, wall: number): ReadonlyArray<CallRecord> {
    return this.#calls.toArray().map((note) => note.record(server, now, wall))
  }
}
