/**
 * Wraps the platform: files, read in a thread of its own, where waiting for the disk holds up nothing else.
 *
 * A file is read in parts, so that one of any size takes the same memory. Texts are UTF-8 or UTF-16.
 */
import { Buffer } from "node:buffer"
import * as fs from "node:fs"
import type { Finding, NotRead } from "../Finding.ts"
import type { Matcher, SetAside } from "./matchText.ts"
import * as openInside from "./openInside.ts"
import * as pathText from "./pathText.ts"

export interface Scanned {
  readonly findings: ReadonlyArray<Finding>
  /** Files that were read to their end. */
  readonly files: number
  readonly bytes: number
  /** Files that hold no text. */
  readonly binary: number
  /** Findings that allow lists and comments set aside. */
  readonly allowed: number
  readonly notRead: ReadonlyArray<NotRead>
}

const partBytes = 256 * 1024

/** Looks into files. `onPart` is told of the file before each part of it is matched. */
export const scan = async (
  root: string,
  paths: ReadonlyArray<string>,
  matcher: Matcher,
  onPart: (file: number) => void
): Promise<Scanned> => {
  const findings: Array<Finding> = []
  const notRead: Array<NotRead> = []
  const aside: SetAside = { allowed: 0 }
  const part = Buffer.allocUnsafe(partBytes)
  let [bytes, files, binary] = [0, 0, 0]
  for (const [index, path] of paths.entries()) {
    onPart(index)
    const opened = openInside.file(root, path)
    const shown = pathText.show(path)
    if ("reason" in opened) {
      notRead.push({ path: shown, reason: opened.reason })
      continue
    }
    try {
      const document = matcher.document({ path: shown }, findings, aside)
      let decoder: InstanceType<typeof TextDecoder> | undefined
      let size = 0
      for (;;) {
        const count = fs.readSync(opened.descriptor, part, 0, part.length, null)
        if (count === 0) break
        const chunk = part.subarray(0, count)
        if (decoder === undefined) {
          const encoding = encodingOf(chunk)
          if (encoding === undefined) break
          decoder = new TextDecoder(encoding)
        }
        size += count
        await document.push(decoder.decode(chunk, { stream: true }))
        onPart(index)
      }
      if (decoder === undefined && fs.fstatSync(opened.descriptor).size > 0) {
        binary++
        continue
      }
      await document.end()
      files++
      bytes += size
    } catch (error) {
      // What was found before it broke is found.
      notRead.push({ path: shown, reason: openInside.reasonOf(error) })
    } finally {
      fs.closeSync(opened.descriptor)
    }
  }
  return { findings, files, bytes, binary, allowed: aside.allowed, notRead }
}

/** By its mark, else by where its zeros are. Undefined: it is no text. */
const encodingOf = (chunk: Buffer): "utf-8" | "utf-16le" | "utf-16be" | undefined => {
  if (chunk[0] === 0xff && chunk[1] === 0xfe) return "utf-16le"
  if (chunk[0] === 0xfe && chunk[1] === 0xff) return "utf-16be"
  const head = chunk.subarray(0, 8192)
  if (!head.includes(0)) return "utf-8"
  const zeros = [0, 0]
  for (const [at, byte] of head.entries()) if (byte === 0) zeros[at % 2] = (zeros[at % 2] ?? 0) + 1
  const [even = 0, odd = 0] = zeros
  // Of a text in Latin letters every other byte is zero; binaries have theirs anywhere.
  const most = head.length / 2 * 0.7
  if (odd >= most && even <= odd / 50) return "utf-16le"
  if (even >= most && odd <= even / 50) return "utf-16be"
  return undefined
}
