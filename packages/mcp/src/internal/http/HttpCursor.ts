/**
 * Where we are in a stream of events that may arrive over several responses, one after the other.
 *
 * Promises: a message that an earlier response has brought is not handed out again when a later one repeats it under the same
 * id; the id to resume from is always that of an event which has arrived whole.
 *
 * **Gotchas**: messages without an id of their own share the id in force, so an id alone does not make a repetition: id and
 * text do. The parser states an id as soon as its line is read; it is believed when its event is handed out, or where the
 * stream stands between two events (a priming event has no data and is not handed out).
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#resumability-and-redelivery
 */
import * as JsonRpc from "@holdfast/protocol/JsonRpc"
import * as ServerSentEvents from "@holdfast/protocol/ServerSentEvents"
import * as Hash from "effect/Hash"
import { Buffer } from "node:buffer"
import { messagesOf, tooLong } from "../link/incoming.ts"
import type { Body } from "./HttpBody.ts"

export interface EventReader {
  readonly maxMessageBytes: number
  readonly onMessage: (frame: JsonRpc.Incoming | JsonRpc.Malformed) => void
  /** A message was too long. Nothing but this is left of it. */
  readonly onTooLong: (frame: JsonRpc.Malformed) => void
}

/** So many messages are remembered to know them again. A server repeats what it thinks was lost, not its whole history. */
const memory = 1000

/** So many characters of each end tell a message from others of its length: some are 32 MB long. */
const probe = 2048

/** A server that asks for more is asked again after this all the same. */
const longestRetryMillis = 3_600_000

export class HttpCursor {
  /** For the header `Last-Event-ID`. Empty: nothing to resume from. */
  lastEventId = ""
  /** How long the server wants to be left alone before a reconnection. */
  retryMillis: number | undefined
  /** True when the response read last has brought something new: a message or an id. */
  hasMoved = false
  #response = 0
  #parser: ServerSentEvents.ServerSentEvents | undefined
  /** Messages under an id, and the response that brought them. */
  readonly #delivered = new Map<string, number>()

  /** The response read last stands in the middle of an event. */
  get isInsideEvent(): boolean {
    return this.#parser?.isInsideEvent() === true
  }

  /** Begins to read another response. */
  read(reader: EventReader): Body {
    this.#response++
    this.hasMoved = false
    let lastBytes = ""
    const parser = ServerSentEvents.make({
      maxEventBytes: reader.maxMessageBytes,
      onTooLong: (long) => {
        // It has arrived: to ask for it again would not make it shorter.
        this.#moveTo(parser.lastEventId())
        if (long.event !== "message") return
        this.hasMoved = true
        reader.onTooLong(tooLong(long))
      },
      onRetry: (millis) => {
        this.retryMillis = Math.min(millis, longestRetryMillis)
      },
      onEvent: ({ data, event, lastEventId }) => {
        this.#moveTo(lastEventId)
        // Some servers name the event of an answer that says no after it.
        const isError = event === "error"
        if ((event !== "message" && !isError) || this.#isRepeated(lastEventId, data)) return
        const frame = JsonRpc.decode(data)
        if (isError && frame._tag !== "Failure") return
        this.hasMoved = true
        messagesOf(frame).forEach((message) => reader.onMessage(message))
      }
    })
    this.#parser = parser
    return {
      push: (chunk) => {
        parser.push(chunk)
        lastBytes = (lastBytes + chunk.subarray(-3).toString("latin1")).slice(-3)
        if (/(?:\n\n|\r\r|\n\r\n)$/.test(lastBytes)) this.#moveTo(parser.lastEventId())
      },
      end: () => {}
    }
  }

  /** The server does not know our place in the stream any more: what it said meanwhile is lost. */
  forget(): void {
    this.lastEventId = ""
  }

  #moveTo(id: string): void {
    // As a header it goes out in bytes of UTF-8. Control characters cannot be said in one.
    const value = Buffer.from(id).toString("latin1")
    if (value === "" || value === this.lastEventId || !/^[\x20-\x7e\x80-\xff]{1,4096}$/.test(value)) return
    this.lastEventId = value
    this.hasMoved = true
  }

  #isRepeated(id: string, data: string): boolean {
    if (id === "") return false
    const message = `${id}\n${data.length}\n${Hash.string(data.slice(0, probe))}\n${Hash.string(data.slice(-probe))}`
    const response = this.#delivered.get(message)
    if (response !== undefined) return response < this.#response
    this.#delivered.set(message, this.#response)
    if (this.#delivered.size > memory) {
      for (const oldest of this.#delivered.keys()) {
        this.#delivered.delete(oldest)
        break
      }
    }
    return false
  }
}
