/**
 * Newline-delimited JSON, cut out of a byte stream: one message per line, as MCP's stdio transport prescribes.
 *
 * Promises
 * - Time is linear in the bytes received, however a line is scattered over chunks: a line's chunks are kept as they came and
 *   turned into text once.
 * - Memory is bounded by `maxLineBytes`. Of a longer line its beginning and its end are kept, nothing else, so that the call
 *   it answers can still be told (`JsonRpc.seekAnswerId`).
 * - A line that is not UTF-8 is never handed out with silently replaced characters: it is a fault, with what can be read of it.
 * - Blank lines and carriage returns at line ends are nothing.
 *
 * **Gotchas**: chunks are not copied; a caller that pushes one must leave it alone until its lines are complete. Node's streams do.
 *
 * @example
 * ```ts
 * import * as LineFraming from "@holdfast/protocol/LineFraming"
 *
 * const framing = LineFraming.make({
 *   onLine: (line) => console.log(line),
 *   onFault: (fault) => console.error(fault._tag)
 * })
 * process.stdin.on("data", framing.push).on("end", framing.end)
 * ```
 */
import { Buffer, isUtf8 } from "node:buffer"

/** A line that cannot be handed out as text. */
export interface LineFault {
  readonly _tag: "TooLong" | "NotUtf8" | "Unfinished"
  /** Length of the line, without its end. */
  readonly bytes: number
  /** Its first bytes as text, with U+FFFD for what is not UTF-8. */
  readonly head: string
  /** Its last bytes as text. */
  readonly tail: string
}

/** Where lines and faults go. Both are called within `push` and `end`. */
export interface LineFramingOptions {
  /** Called with every line that is not blank, without its end. */
  readonly onLine: (line: string) => void
  /** Called in place of `onLine` for a line that is too long, is no UTF-8 or has no end. The framing goes on with the next line. */
  readonly onFault: (fault: LineFault) => void
  /** Default: 64 MiB. */
  readonly maxLineBytes?: number | undefined
}

/** One byte stream on its way into lines. */
export interface LineFraming {
  /** Takes the next bytes of the stream and calls `onLine` and `onFault`, in order, for all lines they complete. */
  readonly push: (chunk: Buffer) => void
  /** The stream has ended. What is left without a line end is `Unfinished`: a sender that died in mid-line. */
  readonly end: () => void
}

/** Default of `maxLineBytes`: 64 MiB. */
export const defaultMaxLineBytes = 64 * 1024 * 1024

/** Cuts one byte stream into lines. Throws nothing; a fault costs its line alone. */
export const make = (options: LineFramingOptions): LineFraming => {
  const { maxLineBytes = defaultMaxLineBytes, onFault, onLine } = options
  // The beginning of a line whose end has not come yet.
  let chunks: Array<Buffer> = []
  let length = 0
  // Of a line that is already too long: its first bytes. From then on `chunks` holds only its last ones, and
  // `kept` counts what was added to them since they were cut down.
  let head: Buffer | undefined
  let kept = 0

  const keep = (part: Buffer): void => {
    if (part.length === 0) return
    length += part.length
    chunks.push(part)
    if (length <= maxLineBytes) return
    kept += part.length
    if (head !== undefined && kept < 16 * excerptBytes) return
    // Copies, or the whole line would stay in memory behind small views of it.
    const bytes = Buffer.concat(chunks)
    head ??= Buffer.from(bytes.subarray(0, excerptBytes))
    chunks = [Buffer.from(bytes.subarray(-excerptBytes))]
    kept = 0
  }

  const finish = (part: Buffer): void => {
    if (chunks.length === 0 && part.length <= maxLineBytes) return emit(part)
    keep(part)
    if (head !== undefined) {
      onFault({ _tag: "TooLong", bytes: length, head: head.toString(), tail: lastOf(chunks) })
    } else {
      emit(Buffer.concat(chunks, length))
    }
    reset()
  }

  const reset = (): void => {
    chunks = []
    length = 0
    head = undefined
    kept = 0
  }

  const emit = (bytes: Buffer): void => {
    const last = bytes.length > 0 && bytes[bytes.length - 1] === carriageReturn ? bytes.length - 1 : bytes.length
    const line = bytes.toString("utf8", 0, last)
    // Asked only where a replacement character shows: in an ASCII line V8 answers this without looking.
    if (line.includes("\uFFFD") && !isUtf8(bytes)) return onFault(faultOf("NotUtf8", bytes))
    if (last < 64 && line.trim() === "") return
    onLine(line)
  }

  /** The whole lines of a chunk that begins one: one text for all of them, which costs a fraction of a text each. */
  const pushText = (text: string): void => {
    for (const said of text.split("\n")) {
      const line = said.endsWith("\r") ? said.slice(0, -1) : said
      if (line.length >= 64 || line.trim() !== "") onLine(line)
    }
  }

  return {
    push: (chunk) => {
      const last = chunk.lastIndexOf(lineFeed)
      if (chunks.length === 0 && last >= 0 && last <= maxLineBytes) {
        const text = chunk.toString("utf8", 0, last)
        // Else it may be no UTF-8, and one of the lines is a fault.
        if (!text.includes("\uFFFD")) {
          pushText(text)
          return keep(chunk.subarray(last + 1))
        }
      }
      let start = 0
      for (let end = chunk.indexOf(lineFeed); end !== -1; end = chunk.indexOf(lineFeed, start)) {
        finish(chunk.subarray(start, end))
        start = end + 1
      }
      keep(start === 0 ? chunk : chunk.subarray(start))
    },
    end: () => {
      if (head !== undefined) {
        onFault({ _tag: "Unfinished", bytes: length, head: head.toString(), tail: lastOf(chunks) })
      } else if (length > 0) {
        const bytes = Buffer.concat(chunks, length)
        if (bytes.toString().trim() !== "") onFault(faultOf("Unfinished", bytes))
      }
      reset()
    }
  }
}

const lineFeed = 10
const carriageReturn = 13
const excerptBytes = 4096

const lastOf = (chunks: ReadonlyArray<Buffer>): string => Buffer.concat(chunks).subarray(-excerptBytes).toString()

const faultOf = (tag: LineFault["_tag"], bytes: Buffer): LineFault => ({
  _tag: tag,
  bytes: bytes.length,
  head: bytes.toString("utf8", 0, excerptBytes),
  tail: bytes.toString("utf8", Math.max(0, bytes.length - excerptBytes))
})
