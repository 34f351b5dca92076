/**
 * The `text/event-stream` format, parsed as it arrives.
 *
 * Promises: line ends may be LF, CR or CRLF and may fall between chunks; a byte order mark is dropped; comments and unknown
 * fields are skipped; time is linear in the bytes received; memory for one event is bounded by `maxEventBytes`, and of a
 * longer event only the fact is reported.
 *
 * **Gotchas**: an event without data is not handed out (the standard says so), yet its `id` counts: ask `lastEventId`. A last
 * event without a blank line after it is dropped, as the standard demands: the sender died in the middle of it.
 *
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
 */
import { Buffer } from "node:buffer"

export interface ServerSentEvent {
  /** `message` when the stream names none. */
  readonly event: string
  readonly data: string
  /** The id in force when the event was handed out, this event's own or an earlier one's. Empty: none yet. */
  readonly lastEventId: string
}

export interface ServerSentEventsOptions {
  readonly onEvent: (event: ServerSentEvent) => void
  /** The server asks for this delay before a reconnection, in milliseconds. */
  readonly onRetry?: ((millis: number) => void) | undefined
  /** An event was longer than `maxEventBytes` and is lost. */
  readonly onTooLong?: ((bytes: number) => void) | undefined
  /** Default: 64 MiB. */
  readonly maxEventBytes?: number | undefined
}

export interface ServerSentEvents {
  /** Takes the next bytes of the stream and hands out the events they complete. */
  readonly push: (chunk: Buffer) => void
  /** The last id the stream stated, `""` before the first. */
  readonly lastEventId: () => string
}

export const make = (options: ServerSentEventsOptions): ServerSentEvents => {
  const { maxEventBytes = 64 * 1024 * 1024, onEvent, onRetry, onTooLong } = options
  let parts: Array<Buffer> = []
  let event = ""
  let data: Array<string> = []
  let lastEventId = ""
  // Bytes that the current event holds: its data so far and its unfinished line.
  let size = 0
  let isTooLong = false
  let isInDiscardedLine = false
  let isFirstLine = true
  let isAfterCarriageReturn = false

  const keep = (part: Buffer): void => {
    if (part.length === 0) return
    size += part.length
    if (size > maxEventBytes) {
      isTooLong = true
      parts = []
      data = []
    } else {
      parts.push(part)
    }
  }

  const finish = (part: Buffer): void => {
    // Blank is what ends an event, and a line that was thrown away is not blank.
    const isBlank = parts.length === 0 && part.length === 0 && !isInDiscardedLine
    keep(part)
    isInDiscardedLine = false
    if (isBlank) return dispatch()
    const [only] = parts
    const line = only !== undefined && parts.length === 1 ? only.toString() : Buffer.concat(parts).toString()
    const lineBytes = parts.reduce((sum, { length }) => sum + length, 0)
    parts = []
    if (isTooLong) return
    const isData = field(isFirstLine && line.startsWith("\uFEFF") ? line.slice(1) : line)
    // Comments that keep a silent stream alive must not add up to an event that is too long.
    if (!isData) size -= lineBytes
    isFirstLine = false
  }

  /** True when the line is kept as part of the event's data. */
  const field = (line: string): boolean => {
    const colon = line.indexOf(":")
    if (colon === 0) return false
    const name = colon === -1 ? line : line.slice(0, colon)
    const value = colon === -1 ? "" : line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1)
    switch (name) {
      case "data":
        data.push(value)
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
    const wasTooLong = isTooLong
    event = ""
    data = []
    size = 0
    isTooLong = false
    isFirstLine = false
    if (wasTooLong) onTooLong?.(bytes)
    else if (text !== "") onEvent({ event: name, data: text, lastEventId })
  }

  return {
    lastEventId: () => lastEventId,
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
      const rest = start === 0 ? chunk : chunk.subarray(start)
      keep(rest)
      if (isTooLong && rest.length > 0) isInDiscardedLine = true
    }
  }
}

const lineFeed = 10
const carriageReturn = 13
