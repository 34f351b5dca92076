/**
 * Cuts a byte stream into lines of text as it arrives.
 *
 * Promises: a character that straddles two chunks is decoded once it is whole; a line without an end takes no more memory
 * than `maxLength` characters, then it is handed out in pieces; the last line needs no line feed.
 */
import { StringDecoder } from "node:string_decoder"

export interface LineSplitter {
  readonly push: (chunk: Uint8Array) => void
  /** The stream has ended: hand out what is left. */
  readonly end: () => void
}

export const make = (maxLength: number, onLine: (line: string) => void): LineSplitter => {
  const decoder = new StringDecoder("utf8")
  let pending = ""

  const accept = (text: string): void => {
    const lines = (pending + text).split("\n")
    const last = lines.pop() ?? ""
    for (const line of lines) onLine(inPieces(line))
    pending = inPieces(last)
  }

  /** Hands out all of `line` but its last piece. */
  const inPieces = (line: string): string => {
    let start = 0
    for (; line.length - start > maxLength; start += maxLength) onLine(line.slice(start, start + maxLength))
    return start === 0 ? line : line.slice(start)
  }

  return {
    push: (chunk) => accept(decoder.write(chunk)),
    end: () => {
      accept(decoder.end())
      if (pending !== "") onLine(pending)
      pending = ""
    }
  }
}
