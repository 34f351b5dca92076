/**
 * The files that git keeps, by its index: what was added by force is kept though `.gitignore` names it. The index is read as it is; no
 * program of a folder that is only to be scanned is run.
 *
 * @see https://git-scm.com/docs/index-format
 */
import { Buffer } from "node:buffer"
import * as pathText from "./pathText.ts"

/** None of an index that is not understood. */
export const parse = (index: Buffer): ReadonlyArray<string> => {
  if (index.length < 12 || index.toString("latin1", 0, 4) !== "DIRC") return []
  const version = index.readUInt32BE(4)
  if (version < 2 || version > 4) return []
  const count = index.readUInt32BE(8)
  const paths: Array<string> = []
  let last = index.subarray(0, 0)
  let at = 12
  for (let i = 0; i < count; i++) {
    const begin = at
    if (at + 64 > index.length) return []
    const flags = index.readUInt16BE(at + 60)
    at += 62
    if ((flags & 0x4000) !== 0) at += 2
    let name: Buffer
    if (version === 4) {
      // How much of the name before is cut off, as git writes numbers of any size.
      let byte = index[at++] ?? 0
      let strip = byte & 0x7f
      while ((byte & 0x80) !== 0) {
        byte = index[at++] ?? 0
        strip = ((strip + 1) << 7) | (byte & 0x7f)
      }
      const end = index.indexOf(0, at)
      if (end < 0 || strip > last.length) return []
      name = Buffer.concat([last.subarray(0, last.length - strip), index.subarray(at, end)])
      at = end + 1
    } else {
      const end = index.indexOf(0, at)
      if (end < 0) return []
      name = index.subarray(at, end)
      at = begin + (end - begin + 8 & ~7)
    }
    last = name
    paths.push(pathText.fromBytes(name))
  }
  return paths
}
