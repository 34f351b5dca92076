/** How the bytes of a response are read, whatever they mean. */
import { Buffer } from "node:buffer"
import type { IncomingHttpHeaders } from "node:http"

export interface Body {
  readonly push: (chunk: Buffer) => void
  /** Nothing more will come. */
  readonly end: () => void
}

export const discard: Body = { push: () => {}, end: () => {} }

/**
 * Collects a body of at most `limit` bytes and hands it out once: at its end, or as soon as it is longer, because a body without
 * an end is nothing to wait for.
 */
export const collect = (limit: number, onEnd: (bytes: Buffer, isWhole: boolean) => void): Body => {
  const chunks: Array<Buffer> = []
  let length = 0
  let isDone = false
  const finish = (isWhole: boolean): void => {
    if (isDone) return
    isDone = true
    const bytes = Buffer.concat(chunks).subarray(0, limit)
    chunks.length = 0
    onEnd(bytes, isWhole)
  }
  return {
    push: (chunk) => {
      if (isDone) return
      chunks.push(chunk)
      length += chunk.length
      if (length > limit) finish(false)
    },
    end: () => finish(true)
  }
}

/** A body that begins with more than this is nothing to wait for. */
const maxBlankBytes = 4096

/**
 * Chooses how to read a body by its first character that is neither a blank nor a byte order mark. Empty: there is none, or none in the
 * first 4 KiB.
 */
export const byItsBeginning = (choose: (beginning: string) => Body): Body => {
  let body: Body | undefined
  let blank = 0
  return {
    push: (chunk) => {
      if (body === undefined) {
        const beginning = /[^\s\xef\xbb\xbf]/.exec(chunk.toString("latin1"))?.[0]
        blank += chunk.length
        if (beginning === undefined && blank <= maxBlankBytes) return
        body = choose(beginning ?? "")
      }
      body.push(chunk)
    },
    end: () => (body ?? choose("")).end()
  }
}

/** The media type alone, in small letters. Empty where the server names none. */
export const contentTypeOf = (headers: IncomingHttpHeaders): string =>
  String(headers["content-type"] ?? "").split(";")[0]?.trim().toLowerCase() ?? ""

/** The compression of a body that the dispatcher has not undone. */
export const encodingOf = (headers: IncomingHttpHeaders): string | undefined => {
  const encoding = String(headers["content-encoding"] ?? "").trim().toLowerCase()
  return encoding === "" || encoding === "identity" ? undefined : encoding
}
