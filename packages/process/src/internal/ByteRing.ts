/**
 * The last bytes of a stream, in a buffer of fixed size.
 *
 * Promises: memory never grows after `make`; a chunk is copied, so that the pool it came from can be reused.
 *
 * Gotcha: what is kept may begin in the middle of a character; `text` leaves such a broken first character out.
 */
import { Buffer } from "node:buffer"

export interface ByteRing {
  readonly push: (chunk: Uint8Array) => void
  /** What is kept, oldest first, as UTF-8. */
  readonly text: () => string
}

export const make = (size: number): ByteRing => {
  const ring = Buffer.alloc(size)
  let end = 0
  let isFull = false

  const push = (chunk: Uint8Array): void => {
    const kept = chunk.length > size ? chunk.subarray(chunk.length - size) : chunk
    const untilEdge = Math.min(kept.length, size - end)
    ring.set(kept.subarray(0, untilEdge), end)
    ring.set(kept.subarray(untilEdge), 0)
    if (chunk.length > size || end + kept.length >= size) isFull = true
    end = size === 0 ? 0 : (end + kept.length) % size
  }

  const text = (): string => {
    if (!isFull) return ring.toString("utf8", 0, end)
    const bytes = Buffer.concat([ring.subarray(end), ring.subarray(0, end)])
    return bytes.toString("utf8", lengthOfBrokenStart(bytes))
  }

  return { push, text }
}

// A UTF-8 character has at most three continuation bytes (RFC 3629); more of them in a row are no text anyway.
const lengthOfBrokenStart = (bytes: Uint8Array): number => {
  let index = 0
  while (index < 3 && isContinuation(bytes[index])) index++
  return index
}

const isContinuation = (byte: number | undefined): boolean => byte !== undefined && (byte & 0b1100_0000) === 0b1000_0000
