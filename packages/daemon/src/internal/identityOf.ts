/** Wraps the platform: whether a file is still the one that it was. */
import * as fs from "node:fs"

/** Remembers the file. What it returns says whether the path still leads to it: something may have removed or replaced the file. */
export const identityOf = (file: string): () => boolean => {
  const read = (): string => {
    const entry = fs.lstatSync(file, { throwIfNoEntry: false, bigint: true })
    return entry === undefined ? "" : `${entry.dev} ${entry.ino}`
  }
  const first = read()
  return () => read() === first
}
