/**
 * The `text/event-stream` format, parsed as it arrives.
 *
 * Promises: line ends may be LF, CR or CRLF and may fall between chunks; a byte order mark is dropped; comments and unknown
 * fields are skipped; time is linear in the bytes received; memory for one event is bounded by `maxEventBytes`. Of the data of a
 * longer one its beginning and its end are kept, nothing else, so that the call it answers can still be told
 * (`JsonRpc.seekAnswerId`).
 *
 * **Gotchas**: an event without data is not handed out (the standard says so), yet its `id` counts: ask `lastEventId`. A last
 * event without a blank line after it is dropped, as the standard demands: the sender died in the middle of it.
 *
 * @example
 * ```ts
 * import * as ServerSentEvents from "@holdfast/protocol/ServerSentEvents"
 * import { Buffer } from "node:buffer"
 *
 * const events = ServerSentEvents.make({ onEvent: ({ data, event }) => console.log(event, data) })
 * events.push(Buffer.from("data: hello\n\n"))
 * ```
 *
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
 */
import { Buffer } from "node:buffer"

/** One event with its data. */
export interface ServerSentEvent {
  /** `message` when the stream names none. */
  readonly event: string
  readonly data: string
  /** The id in force when the event was handed out, this event's own or an earlier one's. Empty: none yet. */
  readonly lastEventId: string
}

/** An event that is longer than allowed, and lost. */
export interface LongEvent {
  /** `message` when the stream names none. */
  readonly event: string
  /** Its length. */
  readonly bytes: number
  /** The first characters of its data, 4096 at most. */
  readonly head: string
  /** Its last ones. */
  readonly tail: string
}

/** Where events go. All are called within `push`. */
export interface ServerSentEventsOptions {
  /** Called with every event that has data, once its blank line is there. One without data is none. */
  readonly onEvent: (event: ServerSentEvent) => void
  /** The server asks for this delay before a reconnection, in milliseconds. */
  readonly onRetry?: ((millis: number) => void) | undefined
  /** An event was longer than `maxEventBytes` and is lost. */
  readonly onTooLong?: ((event: LongEvent) => void) | undefined
  /** Default: 64 MiB. */
  readonly maxEventBytes?: number | undefined
}

/** One stream of bytes on its way into events. */
export interface ServerSentEvents {
  /** Takes the next bytes of the stream and hands out the events they complete. */
  readonly push: (chunk: Buffer) => void
  /** The last id the stream stated, `""` before the first. */
  readonly lastEventId: () => string
  /** An event or a line has begun and not ended: a stream that ends here was cut. */
  readonly isInsideEvent: () => boolean
}

/** Parses one stream. Throws nothing; an event that is too long costs itself alone. */
export const make = (options: ServerSentEventsOptions): ServerSentEvents => {
  const { maxEventBytes = 64 * 1024 * 1024, onEvent, onRetry, onTooLong } = options
  let event = ""
  let data: Array<string> = []
  let lastEventId = ""
  // Bytes that the current event holds: its data so far and its unfinished line.
  let size = 0
  // Set once the event is too long: from then on this is all that is kept of its data.
  let excerpt: Excerpt | undefined
  // The line that has not ended yet. One that is cut down has its beginning in `lineHead` and its end in `parts`, to which `kept` bytes
  // were added since.
  let parts: Array<Buffer> = []
  let lineBytes = 0
  let lineHead: Buffer | undefined
  let kept = 0
  let isFirstLine = true
  let isAfterCarriageReturn = false

  const keep = (part: Buffer): void => {
    if (part.length === 0) return
    size += part.length
    lineBytes += part.length
    parts.push(part)
    if (size <= maxEventBytes) return
    if (excerpt === undefined) {
      excerpt = new Excerpt()
      for (const line of data) excerpt.add(line, line)
      data = []
    }
    kept += part.length
    if (lineBytes <= 2 * excerptLength || (lineHead !== undefined && kept < 16 * excerptLength)) return
    lineHead ??= firstOf(parts)
    parts = [lastOf(parts)]
    kept = 0
  }

  const finish = (part: Buffer): void => {
    // Blank is what ends an event.
    if (lineBytes === 0 && part.length === 0) return dispatch()
    keep(part)
    const [only] = parts
    const line = only !== undefined && parts.length === 1 ? only.toString() : Buffer.concat(parts).toString()
    const head = lineHead?.toString() ?? line
    const isCut = lineHead !== undefined
    const bytes = lineBytes
    const isData = isCut ? cutField(withoutMark(head), line) : field(withoutMark(line))
    // Comments that keep a silent stream alive must not add up to an event that is too long.
    if (!isData) size -= bytes
    parts = []
    lineBytes = 0
    lineHead = undefined
    kept = 0
    isFirstLine = false
  }

  const withoutMark = (line: string): string => isFirstLine && line.startsWith("\uFEFF") ? line.slice(1) : line

  /** Of such a line only both ends are known, which matter where it is data. */
  const cutField = (head: string, tail: string): boolean => {
    const name = /^data: ?/.exec(head)
    if (name === null) return false
    excerpt?.add(head.slice(name[0].length), tail, true)
    return true
  }

  /** True when the line is kept as part of the event's data. */
  const field = (line: string): boolean => {
    const colon = line.indexOf(":")
    if (colon === 0) return false
    const name = colon === -1 ? line : line.slice(0, colon)
    const value = colon === -1 ? "" : line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1)
    switch (name) {
      case "data":
        if (excerpt === undefined) data.push(value)
        else excerpt.add(value, value)
        return true
      case "event":
        event = value
        return false
      case "id":
        if (!value.includes("\0")) lastEventId = value
        return false
      case "retry":
        if (/^\d{1,15}$/.test(value)) onRetry?.(Number(value))
        return false
    }
    return false
  }

  const dispatch = (): void => {
    const text = data.length === 1 ? data[0] ?? "" : data.join("\n")
    const name = event === "" ? "message" : event
    const bytes = size
    const long = excerpt
    event = ""
    data = []
    size = 0
    excerpt = undefined
    isFirstLine = false
    if (long === undefined) {
      if (text !== "") onEvent({ event: name, data: text, lastEventId })
      // A comment without an end is no event.
    } else if (!long.isEmpty) onTooLong?.({ event: name, bytes, head: long.head, tail: long.tail })
  }

  return {
    lastEventId: () => lastEventId,
    isInsideEvent: () => lineBytes > 0 || data.length > 0 || excerpt !== undefined || event !== "",
    push: (chunk) => {
      let start = isAfterCarriageReturn && chunk[0] === lineFeed ? 1 : 0
      if (chunk.length > 0) isAfterCarriageReturn = false
      let feed = chunk.indexOf(lineFeed, start)
      let carriage = chunk.indexOf(carriageReturn, start)
      while (feed !== -1 || carriage !== -1) {
        const end = feed === -1 || (carriage !== -1 && carriage < feed) ? carriage : feed
        finish(chunk.subarray(start, end))
        start = end + 1
        if (end === carriage) {
          if (start === chunk.length) isAfterCarriageReturn = true
          else if (chunk[start] === lineFeed) start++
          carriage = chunk.indexOf(carriageReturn, start)
        }
        // Each search goes on where it ended, so no byte is looked at twice for the same character.
        if (feed !== -1 && feed < start) feed = chunk.indexOf(lineFeed, start)
      }
      keep(start === 0 ? chunk : chunk.subarray(start))
    }
  }
}

/** Copied, or the whole line would stay in memory behind a small view of it; and no more of it than is needed. */
const firstOf = (parts: ReadonlyArray<Buffer>): Buffer => {
  let bytes = 0
  const enough = parts.findIndex((part) => (bytes += part.length) >= excerptLength)
  return Buffer.from(Buffer.concat(parts.slice(0, enough + 1)).subarray(0, excerptLength))
}

const lastOf = (parts: ReadonlyArray<Buffer>): Buffer => {
  let bytes = 0
  const enough = parts.findLastIndex((part) => (bytes += part.length) >= excerptLength)
  return Buffer.from(Buffer.concat(parts.slice(enough)).subarray(-excerptLength))
}

/** Both ends of a text that comes line by line. */
class Excerpt {
  isEmpty = true
  #head = ""
  #isHeadWhole = true
  #tail = ""

  get head(): string {
    return this.#head
  }

  get tail(): string {
    return this.#tail.slice(-excerptLength)
  }

  /** The next line: its first characters and its last ones. */
  add(first: string, last: string, isCut = false): void {
    const separator = this.isEmpty ? "" : "\n"
    this.isEmpty = false
    if (this.#isHeadWhole) {
      const missing = excerptLength - this.#head.length
      this.#head += separator + (first.length > missing ? detached(first.slice(0, missing)) : first)
      this.#isHeadWhole = !isCut && this.#head.length < excerptLength
    }
    this.#tail += separator + (last.length > excerptLength ? detached(last.slice(-excerptLength)) : last)
    if (this.#tail.length > 16 * excerptLength) this.#tail = detached(this.#tail.slice(-excerptLength))
  }
}

/** A piece of a text keeps the whole of it in memory. */
const detached = (piece: string): string => Buffer.from(piece).toString()

const excerptLength = 4096
const lineFeed = 10
const carriageReturn = 13
